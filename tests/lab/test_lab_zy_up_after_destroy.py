"""`pulumi destroy` and `pulumi up` again, twice: what Istio's charts keep is taken over, no proxy refuses an update.

Among the last tests, because the sample workloads go with their namespaces; `python -m lab up` brings them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

DEFINITION = ("CustomResourceDefinition", "", "virtualservices.networking.istio.io")


def test_up_after_destroy_converges(lab: RunningLab) -> None:
    before = lab.objects.get(*DEFINITION)["metadata"]["uid"]
    for _ in range(2):
        destroyed = lab.pulumi("destroy", "--yes", "--skip-preview")
        assert destroyed.returncode == 0, destroyed.stdout
        assert lab.objects.get(*DEFINITION)["metadata"]["uid"] == before, "with it would go everybody's objects"
        for command in (("up", "--yes", "--skip-preview"), ("preview", "--expect-no-changes")):
            done = lab.pulumi(*command)
            assert done.returncode == 0, done.stdout
