"""Which control plane injects a stack, and what is read of it; `python -m mesh needs` and `verify STACK`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatgpt_mesh.control_plane import verify
from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.control_plane.installation import Deployed, installation
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.__main__ import main

pytestmark = pytest.mark.unit

STACK = """
config:
  chatgpt-mesh:cluster: {kind: existing, context: shared, kubeconfig: /nowhere}
  chatgpt-mesh:istio: {install: false, version: "RELEASE", injection: stable}
  chatgpt-mesh:security: {scope: namespaces}
  chatgpt-mesh:trust_domain: acme.example
  chatgpt-mesh:apps:
    weather: {namespace: weather, service: {port: 8080}}
""".replace("RELEASE", RELEASE)


@dataclass
class FakeCluster:
    """Two control planes, and a tag that leads to one of them."""

    config_maps: dict[str, dict[str, str]] = field(
        default_factory=lambda: {
            "istio": {"mesh": "trustDomain: cluster.local\n"},
            "istio-1-31-4": {"mesh": "trustDomain: acme.example\n"},
            "istio-sidecar-injector-1-31-4": {"values": '{"global": {"proxy": {"excludeIPRanges": "10.0.0.0/8"}}}'},
        }
    )
    revisions: Sequence[str] = ("default", "1-31-4")

    def deployments(self, namespace: str, selector: str) -> Sequence[Deployed]:
        assert (namespace, selector) == ("istio-system", "app=istiod")
        return [Deployed({"istio.io/rev": name}, {"REVISION": name}) for name in self.revisions]

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        assert namespace == "istio-system"
        return self.config_maps.get(name)

    def gateways(self) -> Sequence[Mapping[str, str]]:
        return ()

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        return {"istio.io/rev": "stable"} if name == "weather" else None

    def webhook_labels(self, name: str) -> Mapping[str, str] | None:
        return {"istio.io/rev": "1-31-4"} if name == "istio-revision-tag-stable" else None


def test_without_a_revision_it_is_the_control_plane_without_a_name() -> None:
    found = installation(FakeCluster(), None)
    assert (found.revision, found.mesh_config) == ("default", {"trustDomain": "cluster.local"})
    assert found.injector_values == {}


@pytest.mark.parametrize("injection", ["1-31-4", "stable"])
def test_a_tag_is_followed_to_its_revision(injection: str) -> None:
    found = installation(FakeCluster(), injection)
    assert (found.revision, found.mesh_config) == ("1-31-4", {"trustDomain": "acme.example"})
    assert found.environment == {"REVISION": "1-31-4"}
    assert found.injector_values["global"]["proxy"]["excludeIPRanges"] == "10.0.0.0/8"


def test_labels_of_namespaces_are_read_where_they_matter() -> None:
    found = installation(FakeCluster(), None, namespaces=("weather", "gone"))
    assert found.namespaces == {"weather": {"istio.io/rev": "stable"}, "gone": {}}


def test_a_revision_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ControlPlaneUnreachableError, match=r"revision blue .*there: 1-31-4, default.*istio\.injection"):
        installation(FakeCluster(), "blue")


def test_a_cluster_that_does_not_say_is_a_sentence() -> None:
    class Closed(FakeCluster):
        def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
            raise OSError("configmaps is forbidden\nbody")

    with pytest.raises(ControlPlaneUnreachableError, match=r"configmaps is forbidden\. It needs the right"):
        installation(Closed(), None)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "Pulumi.shared.yaml"
    path.write_text(STACK, encoding="utf-8")
    return path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    """Every proxy is synced, whatever else is the case."""
    fake = FakeCluster()
    asked: dict[str, str] = {}
    monkeypatch.setattr(verify, "KubernetesApi", lambda **given: asked.update(given) or fake)
    monkeypatch.setattr(ControlPlane, "wait_synced", lambda *_, **__: None)
    monkeypatch.setattr(ControlPlane, "acknowledgements", lambda _: [type("Proxy", (), {"proxy": "a.b"})])
    return fake


def test_needs_lists_what_whoever_installs_istio_has_to_set(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["needs", str(stack)]) == 0
    heading, *listed = capsys.readouterr().out.splitlines()
    assert heading == "This stack needs of the Istio that somebody else installs:"
    assert listed[0].startswith("- meshConfig.trustDomain = acme.example, because ")
    assert main(["needs", str(stack), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["setting"] == "meshConfig.trustDomain"


def test_needs_of_a_stack_that_installs_istio_say_so(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(STACK.replace("install: false, ", "").replace(", injection: stable", ""), encoding="utf-8")
    assert main(["needs", str(stack)]) == 0
    assert capsys.readouterr().out.startswith("This stack installs Istio itself")


def test_verify_compares_with_the_stacks_own_cluster_and_fails_with_a_sentence_per_difference(
    stack: Path, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(stack)]) == 1
    *sentences, last = capsys.readouterr().out.splitlines()
    assert last == "Every update is in force at all 1 proxies."
    assert any(line.startswith("meshConfig.defaultConfig.drainDuration is not set") for line in sentences)
    assert not any("trustDomain" in line for line in sentences)
    assert main(["verify", str(stack), "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["unmet"]) == len(sentences)


def test_verify_is_content_where_every_need_is_met(
    stack: Path, cluster: FakeCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["needs", str(stack), "--format", "json"])
    needed = {need["setting"]: need["value"] for need in json.loads(capsys.readouterr().out)}
    config = {
        "trustDomain": "acme.example",
        "defaultHttpRetryPolicy": needed["meshConfig.defaultHttpRetryPolicy"],
        "defaultConfig": {"drainDuration": "600s", "holdApplicationUntilProxyStarts": True},
        "extensionProviders": [{"name": "json-log", **needed["meshConfig.extensionProviders[json-log]"]}],
    }
    cluster.config_maps["istio-1-31-4"]["mesh"] = json.dumps(config)
    plane = Deployed({"istio.io/rev": "1-31-4"}, {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"})
    monkeypatch.setattr(FakeCluster, "deployments", lambda *_: [plane])
    assert main(["verify", str(stack)]) == 0
    assert capsys.readouterr().out == "Every update is in force at all 1 proxies.\n"


def test_verify_of_a_stack_that_installs_istio_compares_nothing(
    stack: Path, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_text(STACK.replace("install: false, ", "").replace(", injection: stable", ""), encoding="utf-8")
    assert main(["verify", str(stack)]) == 0
    assert capsys.readouterr().out == "Every update is in force at all 1 proxies.\n"
