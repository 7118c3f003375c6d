"""What holds for every list of destinations, whatever its hosts, ports and callers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from chatgpt_mesh.mesh.graph import Graph
from chatgpt_mesh.mesh.objects import egress, scoping
from chatgpt_mesh.mesh.specs.mesh import MeshSpec, problems
from tests.crd_schema import problems as schema_problems
from tests.unit.mesh.declared import TODAY

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACES = {"a": "one", "b": "one", "c": "two"}
APPS = {name: {"namespace": namespace} for name, namespace in NAMESPACES.items()}
LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
HOST = st.lists(LABEL, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example", "org"]))
DESTINATION = st.fixed_dictionaries(
    {
        "host": st.one_of(HOST, HOST.map(lambda host: f"*.{host}")),
        "port": st.sampled_from([443, 8443]),
        "from": st.lists(
            st.one_of(
                st.sampled_from(sorted(APPS)),
                st.just({"namespace": "jobs", "service_account": "batch"}),
            ),
            min_size=1,
            max_size=4,
        ),
        "via": st.sampled_from(["gateway", "gateway", "sidecar"]),
    }
)  # fmt: skip


def complete(allow: list[dict[str, Any]]) -> Graph | None:
    """The graph of a declaration, where it has no mistakes."""
    declared = {"gateways": {"out": {"kind": "egress"}}, "apps": APPS, "egress": {"allow": allow}}
    spec = MeshSpec.model_validate(declared)
    return None if list(problems(spec, TODAY)) else Graph(spec)


def principals(policy: Mapping[str, Any]) -> set[str]:
    return {p for rule in policy.get("rules", ()) for one in rule["from"] for p in one["source"]["principals"]}


@given(st.lists(DESTINATION, max_size=6))
def test_every_destination_has_exactly_its_callers_and_a_name_of_its_own(allow: list[dict[str, Any]]) -> None:
    graph = complete(allow)
    if graph is None:
        return
    objects = [owned.resource for owned in (*egress.objects(graph), *scoping.objects(graph))]
    assert [mistake for resource in objects for mistake in schema_problems(resource.to_dict())] == []
    keys = [resource.key for resource in objects]
    assert len(keys) == len(set(keys)), "two destinations wrote one object"

    specs = {resource.key: resource.to_dict()["spec"] for resource in objects}
    passing = [d for d in allow if d["via"] == "gateway"]
    policies = [spec for key, spec in specs.items() if key.startswith("AuthorizationPolicy/") and "rules" in spec]
    by_server_name = {spec["rules"][0]["when"][0]["values"][0]: principals(spec) for spec in policies}
    assert len(by_server_name) == len(policies) == len(passing), "a server name stands for one destination"

    gateways = [spec for key, spec in specs.items() if key.startswith("Gateway/")]
    assert sorted(host for g in gateways for server in g["servers"] for host in server["hosts"]) == sorted(
        by_server_name
    )
    for destination in passing:
        plain = destination["port"] == 443 or destination["host"].startswith("*.")
        name = destination["host"] if plain else f"{destination['host']}.tls-{destination['port']}.invalid"
        assert by_server_name[name] == {principal(caller) for caller in destination["from"]}


@given(st.lists(DESTINATION, max_size=6))
def test_an_app_sees_the_hosts_that_list_it_and_no_other(allow: list[dict[str, Any]]) -> None:
    graph = complete(allow)
    if graph is None:
        return
    sidecars = {owned.owner: owned.resource.to_dict()["spec"] for owned in scoping.objects(graph)}
    for name in APPS:
        seen = {entry.split("/")[1] for entry in sidecars[f"apps.{name}"]["egress"][0]["hosts"]}
        outside = {host for host in seen if not host.endswith(".svc.cluster.local")}
        assert outside == {destination["host"] for destination in allow if name in destination["from"]}


def principal(caller: str | dict[str, str]) -> str:
    if isinstance(caller, str):
        return f"cluster.local/ns/{APPS[caller]['namespace']}/sa/{caller}"
    return f"cluster.local/ns/{caller['namespace']}/sa/{caller['service_account']}"
