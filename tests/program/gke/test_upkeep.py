"""A cluster that lives: what is kept, when Google may change it, and what a changed setting changes."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chatgpt_mesh.stack.stack_files import merge
from tests.program.differences import changed
from tests.program.gke.registered import cluster, registered
from tests.program.recorded_program import Recorded, run
from tests.surroundings import own_layer

pytestmark = pytest.mark.program


class TestProtection:
    def test_p18_what_others_rely_on_is_kept_by_google_and_by_pulumi(self, gke: Recorded) -> None:
        assert cluster(gke)["deletionProtection"] is True
        kept = {r.type.rpartition(":")[2] for r in gke.resources if r.protect}
        assert kept == {"Cluster", "Network", "Subnetwork", "Address"}

    def test_p18_the_first_step_of_taking_down_changes_nothing_else(self) -> None:
        before, after = registered(), registered({"cluster/deletion_protection": False})
        assert changed(before, after) == {"chatgpt": {"deletionProtection"}}
        assert not [r for r in after.resources if r.protect]


class TestMaintenance:
    def test_windows_and_exclusions_are_in_gkes_form(self) -> None:
        # The program asks the clock, and refuses a day that is past as well as one that is years away.
        first = datetime.now(tz=UTC).date() + timedelta(days=100)
        last = first + timedelta(days=11)
        exclusion = {"from": first.isoformat(), "until": last.isoformat()}
        policy = cluster(
            registered(
                {
                    "cluster/maintenance": {
                        "window": {"start": "22:30", "duration": "6h", "days": ["mon", "sat"]},
                        "exclusions": {"launch": exclusion},
                    }
                }
            )
        )["maintenancePolicy"]
        assert policy["recurringWindow"] == {
            "startTime": "2024-01-01T22:30:00Z",
            "endTime": "2024-01-02T04:30:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=MO,SA",
        }
        assert policy["maintenanceExclusions"] == [
            {
                "exclusionName": "launch",
                "startTime": f"{first}T00:00:00Z",
                "endTime": f"{last + timedelta(days=1)}T00:00:00Z",
                "exclusionOptions": {"scope": "NO_MINOR_OR_NODE_UPGRADES"},
            }
        ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cluster": {"pools": {"apps": {"nodes": {"max": 80}}}}}, {"apps": {"autoscaling.totalMaxNodeCount"}}),
        ({"cluster": {"release_channel": "regular"}}, {"chatgpt": {"releaseChannel.channel"}}),
        ({"network": {"nat": {"max_ports": 8192}}}, {"chatgpt-nat": {"maxPortsPerVm"}}),
        ({"network": {"flow_logs": {"sampling": 0.1}}}, {"chatgpt-nodes": {"logConfig.flowSampling"}}),
        ({"cluster": {"backup": {"retain_days": 60}}}, {"chatgpt-backup": {"retentionPolicy.backupRetainDays"}}),
        ({"network": {"dns": {"ttl": 60}}}, {"*.example.com.": {"ttl"}}),
    ],
)
def test_one_setting_of_prod_changes_exactly_these_lines(change: dict[str, Any], expected: dict[str, set[str]]) -> None:
    own = own_layer("prod")
    before, after = run("prod", own), run("prod", merge(own, change))
    assert before.error is None
    assert after.error is None
    assert changed(before, after) == expected


def test_no_argument_is_deprecated() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        # Importing the module warns of classes that nobody here uses.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"pulumi_gcp\.compute\..*")
        for changes in ({}, {"cluster/access": {"ip": {"authorized": {}}}}, {"cluster/backup": {}}):
            registered(changes)
