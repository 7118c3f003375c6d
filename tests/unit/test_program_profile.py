"""The profile names the product's packages as their files lie, and everything else by what was installed."""

from __future__ import annotations

import json as installed_with_python

import yaml

from chatgpt_mesh.mesh import build
from tests.benchmarks import profile


def test_a_file_belongs_to_the_package_that_it_lies_in() -> None:
    assert profile.place(build.__file__) == ("mesh", "mesh/build.py")
    assert profile.place(yaml.__file__) == ("yaml", "yaml/__init__.py")
    assert profile.place(installed_with_python.__file__)[0] == "python"
    assert profile.place(None) == ("python", "python")


def test_the_shares_are_of_the_whole_and_the_products_packages_are_among_them() -> None:
    found = profile.packages(10)
    assert 0.9 < sum(one["share"] for one in found) <= 1.01
    assert {"mesh", "meshlint", "stack"} <= {one["package"] for one in found}
    assert [one["share"] for one in found] == sorted((one["share"] for one in found), reverse=True)
