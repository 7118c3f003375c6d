"""What Istio refuses, the linter refuses: against the pinned Istio's own validator. No cluster is needed; a minute.

`make lint-quality` counts the same over every generated object; here is a share of them.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from lab.istio_validation import istio_validation
from lab.screen import Screen
from lab.toolchain import Toolchain
from meshlint import rules
from tests.unit.meshlint.mends import example, mended
from tests.unit.meshlint.validation.authority import verdicts
from tests.unit.meshlint.validation.breaks import broken_objects, edited_objects
from tests.unit.meshlint.validation.figures import distinct, measured
from tests.unit.meshlint.validation.module_cases import documents, recorded
from tests.unit.meshlint.validation.valid_objects import api_versions, valid_objects

if TYPE_CHECKING:
    from lab.istio_validation import IstioValidation
    from tests.unit.meshlint.validation.figures import Figures
    from tests.unit.meshlint.validation.valid_objects import Json

STRIDE = 8
"""Of the generated objects, every eighth."""


@pytest.fixture(scope="session")
def istio() -> IstioValidation:
    return istio_validation(Toolchain(), Screen())


def figures_of(istio: IstioValidation, objects: list[Json]) -> Figures:
    return measured(objects, verdicts(istio.verdicts, istio.crds, objects))


def assert_holds(figures: Figures) -> None:
    missed = "\n".join(f"{obj['kind']}: {verdict.webhook or verdict.crd}" for obj, verdict in figures.missed[:20])
    assert figures.whole.share_of_objects >= 0.97, missed
    assert figures.whole.share_of_messages >= 0.97, missed
    for kind, count in figures.kinds.items():
        assert count.share_of_objects >= 0.9, f"{kind}\n{missed}"
        assert count.share_of_messages >= 0.9, f"{kind}\n{missed}"
    called = "\n".join(f"{obj['kind']}: {finding.message}" for obj, finding in figures.called_refused[:20])
    assert figures.whole.share_called_refused <= 0.005, called


def test_the_cases_of_istios_own_tests(istio: IstioValidation) -> None:
    figures = figures_of(istio, distinct(recorded(istio.cases)))
    assert figures.whole.refused > 400
    assert figures.whole.taken > 300
    assert len(figures.kinds) == len({obj["kind"] for obj in valid_objects()})
    assert_holds(figures)


def test_the_yaml_of_istios_tests_and_samples(istio: IstioValidation) -> None:
    figures = figures_of(istio, distinct(documents(istio.source)))
    assert figures.whole.refused > 50
    assert figures.whole.taken > 300
    assert_holds(figures)


def test_valid_objects_with_one_thing_broken(istio: IstioValidation) -> None:
    figures = figures_of(istio, distinct(broken_objects())[::STRIDE])
    assert figures.whole.refused > 1000
    assert_holds(figures)


def test_valid_objects_mistyped(istio: IstioValidation) -> None:
    figures = figures_of(istio, distinct(edited_objects(seed=0, count=1500)))
    assert figures.whole.refused > 500
    assert_holds(figures)


def test_the_objects_that_are_broken_are_valid(istio: IstioValidation) -> None:
    objects = valid_objects()
    assert not [answer for answer in verdicts(istio.verdicts, istio.crds, objects) if answer.refused]


def test_the_authority_says_no(istio: IstioValidation) -> None:
    """Otherwise the tests above would count nothing."""
    (rule,) = [one for one in valid_objects() if one["kind"] == "PeerAuthentication" and "selector" in one["spec"]]
    broken = copy.deepcopy(rule)
    broken["spec"]["portLevelMtls"] = {"0": {"mode": "STRICT"}}
    (answer,) = verdicts(istio.verdicts, istio.crds, [broken])
    assert answer.message == "port must be in range _"
    assert answer.crd


def refused(istio: IstioValidation, objects: list[tuple[str, Json]]) -> list[str]:
    """What Istio refuses of these, with the code of the rule that they are from."""
    ours = [(code, obj) for code, obj in objects if obj.get("kind") in api_versions() and _is_istio(obj)]
    assert len(ours) > 30
    answers = verdicts(istio.verdicts, istio.crds, [obj for _, obj in ours])
    return [
        f"{code}: {obj['kind']}: {answer.message}"
        for (code, obj), answer in zip(ours, answers, strict=True)
        if answer.refused
    ]


def _is_istio(obj: Json) -> bool:
    return str(obj["apiVersion"]).partition("/")[0].endswith(".istio.io")


def test_every_good_example_of_a_rule_is_taken(istio: IstioValidation) -> None:
    assert not refused(istio, [(rule.code, obj) for rule in rules.load().values() for obj in example(rule.good)])


def test_a_mend_that_is_applied_is_taken(istio: IstioValidation) -> None:
    assert not refused(istio, [(one.code, one.objects[one.changed]) for one in mended()])
