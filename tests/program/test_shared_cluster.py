"""A mesh on a cluster whose Istio somebody else installs: what is registered, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from chatgpt_mesh.components import outputs
from chatgpt_mesh.istio_api.version import RELEASE
from tests.program.recorded_program import Recorded, run
from tests.program.test_outputs import known, without_required
from tests.surroundings import KEY_SET, own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

CHART = "kubernetes:helm.sh/v4:Chart"
NAMESPACE = "kubernetes:core/v1:Namespace"
LISTENERS = {"web": {"hosts": ["*.example.com"], "tls": {"secret": "example-com-tls"}}}
OWN = {"kind": "public", "release": "ours-ingressgateway", "namespace": "ours-ingress", "listeners": LISTENERS}
LENT = {
    "kind": "public",
    "release": "platform-ingressgateway",
    "namespace": "platform-ingress",
    "existing": {"address": "203.0.113.9"},
    "listeners": LISTENERS,
}


def stack(gateway: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "cluster": {"kind": "existing", "context": own_layer("lab")["cluster"]["context"]},
        "istio": {"install": False, "version": RELEASE, "injection": "stable", "platform": "gke"},
        "security": {"scope": "namespaces"},
        "gateways": {"public": gateway},
        "apps": {
            "weather": {
                "namespace": "forecasts",
                "host": "weather.example.com",
                "gateway": "public",
                "service": {"port": 8080},
                "mcp": {},
                "auth": {
                    "issuers": [
                        {
                            "issuer": "https://auth.example.com",
                            "jwks": KEY_SET,
                        }
                    ]
                },
            }
        },
        **changes,
    }


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def recorded(gateway: dict[str, Any], **changes: Any) -> Recorded:
    found = run("shared", stack(gateway, **changes))
    assert found.error is None, found.error
    return found


def names(found: Recorded, kind: str) -> set[str]:
    return {resource.name for resource in found.of_type(kind)}


def test_nothing_of_istios_installation_is_registered() -> None:
    found = recorded(OWN)
    assert names(found, CHART) == {"ours-ingress/ours-ingressgateway"}
    assert names(found, NAMESPACE) == {"forecasts", "ours-ingress"}
    of_the_cluster = [r for r in found.resources if r.type.startswith("kubernetes:")]
    assert "istio-system" not in {r.inputs.get("metadata", {}).get("namespace") for r in of_the_cluster}
    assert not [r.name for r in found.resources if r.type.startswith("kubernetes:admissionregistration")]


def test_namespaces_and_gateways_follow_the_revision_or_tag_that_is_there() -> None:
    found = recorded(OWN)
    assert found.named("forecasts").inputs["metadata"]["labels"]["istio.io/rev"] == "stable"
    assert found.named("ours-ingress/ours-ingressgateway").inputs["values"]["revision"] == "stable"


def test_the_order_of_what_is_ours_is_kept() -> None:
    found = recorded(OWN)
    gateway, home = found.named("ours-ingress/ours-ingressgateway"), found.named("ours-ingress")
    assert home.urn in found.depends_on(gateway)
    for resource in found.resources:
        if ".istio.io/" in resource.type:
            before = found.depends_on(resource)
            assert gateway.urn in before
            assert found.named(resource.inputs["metadata"]["namespace"]).urn in before


def test_of_a_gateway_that_is_there_only_what_is_written_for_it_is_registered() -> None:
    found = recorded(LENT)
    assert names(found, CHART) == set()
    assert names(found, NAMESPACE) == {"forecasts"}
    listener = found.named("Gateway/platform-ingress/public")
    assert listener.inputs["spec"]["selector"] == {"istio": "platform-ingressgateway"}
    assert listener.parent.endswith("chatgpt-mesh:mesh:Gateway::public")


def test_a_namespace_that_is_there_is_neither_made_nor_labelled() -> None:
    found = recorded(OWN, namespaces={"forecasts": {"existing": True, "viewers": ["weather@example.com"]}})
    assert names(found, NAMESPACE) == {"ours-ingress"}
    assert found.named("PeerAuthentication/forecasts/default")
    assert found.named("forecasts-people-view").dependencies == ()
    assert found.exports["namespaces"] == ["ours-ingress"]
    assert found.exports["istio_needs"][0].startswith('labels of namespace forecasts = {"istio.io/rev": "stable"}')


def test_objects_keep_their_names_when_a_gateway_is_handed_over() -> None:
    moved = {**LENT, "existing": {}}
    ours = {key: value for key, value in LENT.items() if key != "existing"}
    before, after = recorded(ours), recorded(moved)
    kept = {
        r.urn for r in before.resources if r.type.endswith((":Gateway", ":VirtualService", ":RequestAuthentication"))
    }
    assert len(kept) > 3
    assert kept <= {r.urn for r in after.resources}


def test_the_outputs_keep_their_contract() -> None:
    exported = dict(recorded(LENT).exports)
    jsonschema.Draft202012Validator(without_required(outputs.json_schema())).validate(known(exported))
    assert exported["istio_version"] == RELEASE
    assert exported["namespaces"] == ["forecasts"]
    gateway = exported["gateways"]["public"]
    assert gateway["address"] == "203.0.113.9"
    assert gateway["principal"] == "cluster.local/ns/platform-ingress/sa/platform-ingressgateway"
    assert any(need.startswith("meshConfig.defaultConfig.drainDuration = ") for need in exported["istio_needs"])


def test_a_stack_that_installs_istio_exports_no_needs() -> None:
    assert "istio_needs" not in recorded(OWN, istio={"version": RELEASE}).exports


def test_what_only_the_installer_can_set_is_refused_with_its_path() -> None:
    istio = {
        "install": False,
        "version": RELEASE,
        "cni": False,
        "control_plane": {"replicas": {"min": 3, "max": 3}},
        "images": {"hub": "registry.example.com/istio"},
        "revisions": {"blue": RELEASE},
        "tags": {"stable": "blue"},
        "injection": "stable",
    }
    found = run("shared", stack(OWN, istio=istio, security={}))
    assert found.resources == []
    assert found.error is not None
    paths = {line.strip().split(": ")[0] for line in found.error.splitlines()[1:]}
    assert paths == {
        "istio.control_plane",
        "istio.cni",
        "istio.images.hub",
        "istio.revisions",
        "istio.tags",
        "security.scope",
    }


def test_a_cluster_that_this_stack_makes_has_no_istio_and_no_gateway_of_others() -> None:
    own = own_layer("staging")
    gateways = {**own.get("gateways", {}), "public": {"existing": {}}}
    changed = {**own, "istio": {"install": False}, "security": {"scope": "namespaces"}, "gateways": gateways}
    found = run("staging", changed)
    assert found.resources == []
    assert found.error is not None
    assert "istio.install: must be true on a cluster that this stack makes" in found.error
    assert "gateways.public.existing: cannot be on a cluster that this stack makes" in found.error
