"""docs/costs.md: nothing that is paid is left out, every setting on it exists, and moves the line that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatgpt_mesh.stack.stack_files import merge
from tests.program.costs import PAGE, STACKS, inventory, lines, written
from tests.program.costs.counts import Resource
from tests.program.costs.lines import PRICES, WITHOUT_A_PRICE
from tests.program.recorded_program import run
from tests.surroundings import own_layer, surroundings
from tests.unit.stack import said_settings

pytestmark = pytest.mark.program

FOUND = {stack: inventory(stack) for stack in STACKS}
BILL = lines(FOUND)

CLAIM = {"chart": "prometheus", "values": {"server": {"persistentVolume": {"enabled": True, "size": "50Gi"}}}}


def test_the_page_is_what_the_inventories_say() -> None:
    assert written() == PAGE.read_text(encoding="utf-8"), "make inventory"


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_of_google_has_a_line_or_no_price(stack: str) -> None:
    of_google = {one["type"] for one in FOUND[stack] if one["type"].startswith("gcp:")}
    read = {kind for line in BILL for kind in line.reads}
    assert of_google - read - WITHOUT_A_PRICE == set()
    assert read & WITHOUT_A_PRICE == set()


@pytest.mark.parametrize("line", BILL, ids=lambda line: line.what)
def test_a_line_names_settings_that_there_are(line: Any) -> None:
    for path in line.moved_by:
        *outer, last = path.split(".")
        document: dict[str, Any] = {last: {}}
        for name in reversed(outer):
            document = {name: document}
        assert last in {name for _, name in said_settings.said([document])}, f"there is no setting {path}"


def test_every_line_leads_to_a_page_of_googles_and_none_has_a_price() -> None:
    assert {line.price for line in BILL} == set(PRICES)
    assert all(address.startswith("https://cloud.google.com/") for address in PRICES.values())
    assert not any(sign in PAGE.read_text(encoding="utf-8") for sign in "$€£")


MOVED: list[tuple[dict[str, Any], dict[str, str]]] = [
    (
        {"cluster": {"pools": {"mesh": {"nodes": {"min": 6}, "machine_type": "e2-standard-8"}}}},
        {
            "Nodes of the pool mesh": "6 to 12 of `e2-standard-8`",
            "Boot disks of mesh": "6 to 12 of 100 GB `pd-balanced`",
        },
    ),
    (
        {"cluster": {"pools": {"apps": {"spot": True, "disk": {"type": "pd-ssd", "size_gb": 200}}}}},
        {
            "Nodes of the pool apps": "3 to 60 of `n2-standard-8`, spot",
            "Boot disks of apps": "3 to 60 of 200 GB `pd-ssd`",
        },
    ),
    (
        {"cluster": {"pools": {"mesh": {"upgrade": {"strategy": "surge", "max_surge": 3}}}}},
        {"While mesh is upgraded": "3 more at a time"},
    ),
    (
        {"network": {"nat": {"addresses": 4, "log": "none"}}},
        {
            "Addresses": "5 external, 1 internal",
            "Cloud NAT": "1, 4 of the addresses",
            "Logs of Cloud NAT": "none",
        },
    ),
    (
        {"network": {"flow_logs": {"sampling": 0.25, "interval": "30s", "metadata": "none"}}},
        {"Flow logs": "sampling 0.25, `INTERVAL_30_SEC`, `EXCLUDE_ALL_METADATA`"},
    ),
    ({"network": {"firewall": {"shadow_rules": False}}}, {"Logs of firewall rules": "1 rule"}),
    ({"network": {"firewall": {"logging": False}}}, {"Logs of firewall rules": "none"}),
    (
        {
            "cluster": {
                "observability": {
                    "logs": ["SYSTEM_COMPONENTS"],
                    "managed_prometheus": False,
                    "metrics": ["SYSTEM_COMPONENTS"],
                }
            }
        },
        {"Logs of the cluster": "`SYSTEM_COMPONENTS`", "Metrics": "`SYSTEM_COMPONENTS`, dataplane metrics"},
    ),
    (
        {"cluster": {"backup": {"retain_days": 7, "include_volumes": False}}},
        {"Backups": "`15 2 * * *`, kept 7 days, without volumes"},
    ),
    (
        {
            "cluster": {
                "security": {"secrets_key": "projects/acme-keys/locations/us-central1/keyRings/gke/cryptoKeys/secrets"},
                "backup": {"encryption_key": "projects/acme-keys/locations/us-central1/keyRings/gke/cryptoKeys/backup"},
            }
        },
        {"Keys": "2 of yours"},
    ),
    ({"cluster": {"maintenance": {"notify": False}}}, {"News of upgrades": "none"}),
]
"""Changes of prod, and every line that reads otherwise after each."""


@pytest.mark.parametrize(("change", "expected"), MOVED, ids=lambda one: ", ".join(one)[:40])
def test_a_setting_moves_its_lines_and_no_other(
    change: dict[str, Any], expected: dict[str, str], tmp_path: Path
) -> None:
    with surroundings(tmp_path / "machine"):
        recorded = run("prod", merge(own_layer("prod"), change))
    assert recorded.error is None, recorded.error
    after: list[Resource] = [{"name": one.name, "type": one.type, "inputs": one.inputs} for one in recorded.resources]
    assert {line.what: line.of(after) for line in BILL if line.of(after) != line.of(FOUND["prod"])} == expected


@pytest.mark.parametrize(
    ("what", "kind", "inputs", "expected"),
    [
        ("Disks of Prometheus and Grafana", "kubernetes:helm.sh/v4:Chart", CLAIM, "50Gi"),
        (
            "Redis of the rate limit service",
            "gcp:redis/instance:Instance",
            {"memorySizeGb": 5.0, "tier": "STANDARD_HA"},
            "5 GB, STANDARD_HA",
        ),
    ],
)
def test_what_neither_stack_has_is_counted_where_one_has_it(
    what: str, kind: str, inputs: dict[str, Any], expected: str
) -> None:
    (line,) = (one for one in BILL if one.what == what)
    assert line.of([{"name": "one", "type": kind, "inputs": inputs}]) == expected
    assert line.of(FOUND["prod"]) == "none"
