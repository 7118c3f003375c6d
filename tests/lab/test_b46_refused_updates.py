"""B46: after an `up` no proxy has refused anything; if one did, `up` fails and says which, what and why."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kubernetes.client import ApiException

from chatgpt_mesh.mesh.__main__ import main
from tests.lab.running_lab import Pod, RunningLab, eventually, fails

NAME = "refused-by-envoy"

# istiod, its webhook and the checker take it: the filter is well-formed. Envoy does not: the program in it is not.
REFUSED: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1alpha3",
    "kind": "EnvoyFilter",
    "metadata": {"name": NAME, "namespace": "istio-ingress"},
    "spec": {
        "workloadSelector": {"labels": {"istio": "ingressgateway"}},
        "priority": 20,
        "configPatches": [
            {
                "applyTo": "HTTP_FILTER",
                "match": {
                    "context": "GATEWAY",
                    "listener": {
                        "filterChain": {
                            "filter": {
                                "name": "envoy.filters.network.http_connection_manager",
                                "subFilter": {"name": "envoy.filters.http.router"},
                            }
                        }
                    },
                },
                "patch": {
                    "operation": "INSERT_BEFORE",
                    "value": {
                        "name": "envoy.filters.http.lua",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                            "default_source_code": {"inline_string": "function envoy_on_request(handle) end end"},
                        },
                    },
                },
            }
        ],
    },
}
REASON = "script load error"
REJECTION_COUNTERS = r"^(listener_manager\.lds|cluster_manager\.cds)\.update_rejected$"


def proxies(lab: RunningLab) -> list[Pod]:
    """All of them. A pod that ends is a proxy until its streams have ended, and is waited for."""
    found: dict[str, Pod] = {}

    def all_are_there() -> bool:
        names = {state.proxy for state in lab.plane.acknowledgements()}
        there = {f"{pod.name}.{pod.namespace}": pod for home in _homes(names) for pod in lab.pods(home, "")}
        found.clear()
        found.update({name: there[name] for name in sorted(names & there.keys())})
        return found.keys() == names

    eventually(all_are_there, within=90, what="every proxy is one of a pod that stays")
    return list(found.values())


def _homes(names: set[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def refused_counts(lab: RunningLab) -> dict[str, int]:
    """Envoy's own counters, by proxy: a source that istiod has no hand in."""
    return {pod.name: sum(pod.envoy_counters(REJECTION_COUNTERS).values()) for pod in proxies(lab)}


def check_nothing_is_refused(lab: RunningLab) -> None:
    refused = [str(rejection) for rejection in lab.plane.rejections()]
    assert not refused, refused


def test_every_proxy_of_every_kind_has_taken_its_configuration(lab: RunningLab) -> None:
    lab.plane.wait_synced()
    check_nothing_is_refused(lab)
    kinds = {name.rpartition(".")[2] for name in (state.proxy for state in lab.plane.acknowledgements())}
    assert {spec.home for spec in lab.stack.gateways.values()} | {lab.namespace} <= kinds


def test_an_up_leaves_envoys_own_counters_flat(lab: RunningLab) -> None:
    before = refused_counts(lab)
    done = lab.pulumi("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert refused_counts(lab) == before


@contextmanager
def something_refused(lab: RunningLab):
    lab.objects.apply(REFUSED)
    try:
        yield
    finally:
        lab.objects.delete("EnvoyFilter", "istio-ingress", NAME)
        lab.plane.wait_synced(known=lab.plane.refused())


def test_a_refusal_names_proxy_object_and_reason(lab: RunningLab, capsys: Any) -> None:
    before = refused_counts(lab)
    with something_refused(lab):
        code = main(["verify", "--kubeconfig", str(lab.kubeconfig), "--timeout", "20"])
        said = capsys.readouterr().out
        with fails():
            check_nothing_is_refused(lab)
        after = refused_counts(lab)
    assert code == 1
    gateway = lab.gateway_pods("public")[0].name
    assert f"{gateway}.istio-ingress refused LDS " in said
    assert REASON in said, said
    assert after[gateway] > before[gateway]
    assert main(["verify", "--kubeconfig", str(lab.kubeconfig)]) == 0


def test_an_up_that_brings_a_refused_object_fails(lab: RunningLab, tmp_path: Path) -> None:
    stack_file = lab.stack_with({"objects": [REFUSED]}, tmp_path)
    try:
        done = lab.pulumi("up", "--yes", "--skip-preview", stack_file=stack_file)
        assert done.returncode != 0, done.stdout
        assert "refused LDS" in done.stdout, done.stdout
        assert lab.gateway_pods("public")[0].name in done.stdout
        assert REASON in done.stdout
    finally:
        # The stack without the object takes it out: what was refused before is warned of, and stops no mending.
        mended = lab.pulumi("up", "--yes", "--skip-preview")
        with suppress(ApiException):
            lab.objects.delete("EnvoyFilter", "istio-ingress", NAME)
    assert mended.returncode == 0, mended.stdout
    assert "before this update already" in mended.stdout
    lab.plane.wait_synced(known=lab.plane.refused())
    check_nothing_is_refused(lab)
