"""What istiod's and Envoy's answers mean, and when waiting ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from chatgpt_mesh.control_plane import gateway_secrets, verify
from chatgpt_mesh.control_plane.acknowledgement import (
    ControlPlaneUnreachableError,
    NotSyncedError,
    Progress,
    Rejection,
    UpdateRejectedError,
    acknowledgements,
    error_states,
    named_reasons,
    progress,
    rejections,
)
from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.mesh.__main__ import main

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
GATEWAY = "istio-ingressgateway-7c9.istio-ingress"
REFUSED = (
    "Error adding/updating listener(s) 0.0.0.0_8443: Proto constraint validation failed "
    '(JwtAuthenticationValidationError.Providers: key "origins-0")\n'
)


def proxy(name: str = GATEWAY, *, sent: str = "a", acked: str = "a", error: str = "") -> dict[str, object]:
    status = {"sent": sent, "acked": acked} | ({"lastError": error} if error else {})
    return {"proxy": name, "resources": {LISTENER: status, CLUSTER: {"sent": "c", "acked": "c"}}}


# --- answers


def test_each_proxy_and_type_is_one_acknowledgement() -> None:
    states = acknowledgements([proxy(sent="b"), proxy("chatgpt-mcp-v1.chatgpt-production")])
    assert [(state.proxy, state.xds_type, state.pending) for state in states] == [
        (GATEWAY, "CDS", False),
        (GATEWAY, "LDS", True),
        ("chatgpt-mcp-v1.chatgpt-production", "CDS", False),
        ("chatgpt-mcp-v1.chatgpt-production", "LDS", False),
    ]


def test_a_proxy_that_watches_nothing_yet_is_not_behind() -> None:
    assert acknowledgements([{"proxy": GATEWAY}, {"proxy": GATEWAY, "resources": None}]) == []


def test_istiods_own_types_are_left_out() -> None:
    debug = {"proxy": "istiodebug", "resources": {"istio.io/debug": {"sent": "x"}}}
    assert acknowledgements([debug]) == []


def test_a_rejection_names_proxy_type_object_and_reason() -> None:
    (rejection,) = rejections(acknowledgements([proxy(sent="b", error=REFUSED)]))
    assert (rejection.proxy, rejection.xds_type, rejection.object) == (GATEWAY, "LDS", "0.0.0.0_8443")
    assert str(rejection).startswith(f"{GATEWAY} refused LDS 0.0.0.0_8443: Proto constraint validation failed")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Error adding/updating listener(s) a: no\nb: neither", [("a", "no"), ("b", "neither")]),
        ("Error adding/updating cluster(s) outbound|80||x: two\nlines", [("outbound|80||x", "two lines")]),
        ("route: unknown cluster 'x'", [("", "route: unknown cluster 'x'")]),
    ],
)
def test_envoys_message_is_split_by_object(message: str, expected: list[tuple[str, str]]) -> None:
    assert named_reasons(message) == expected


def test_error_states_of_a_config_dump() -> None:
    dump = {
        "configs": [
            {
                "dynamic_listeners": [
                    {"name": "fine"},
                    {
                        "name": "0.0.0.0_8443",
                        "error_state": {"failed_configuration": {"name": "0.0.0.0_8443"}, "details": "no such filter"},
                    },
                ]
            }
        ]
    }
    assert error_states(dump) == [("0.0.0.0_8443", "no such filter")]


def test_progress_counts_configuration_and_pushes() -> None:
    exposition = """# TYPE pilot_inbound_updates counter
pilot_inbound_updates{type="config"} 12
pilot_inbound_updates{type="eds"} 900
pilot_debounce_time_bucket{le="0.1"} 3
pilot_debounce_time_count 5
pilot_proxy_queue_time_count 40
"""
    assert progress(exposition) == Progress(received=12, pushed=5, taken=40)


# --- waiting


@dataclass
class FakeIstiod:
    """Plays one (received, pushed, proxies) scene per poll; the last one stays. `get` counts no real time."""

    scenes: Sequence[tuple[int, int, list[dict[str, object]]]]
    pods_running: Sequence[str] = ("istiod-1",)
    envoy_dump: dict[str, object] = field(default_factory=dict[str, object])
    now: float = 0.0
    polls: int = -1

    def pods(self, namespace: str, selector: str) -> list[str]:
        assert (namespace, selector) == ("istio-system", "app=istiod")
        return list(self.pods_running)

    def get(self, namespace: str, pod: str, port: int, path: str) -> str:
        received, pushed, proxies = self.scenes[min(max(self.polls, 0), len(self.scenes) - 1)]
        match path:
            case "/metrics":
                return f'pilot_inbound_updates{{type="config"}} {received}\npilot_debounce_time_count {pushed}\n'
            case "/debug/syncz":
                return json.dumps(proxies)
            case "/config_dump":
                assert (namespace, port) == ("istio-ingress", 15000)
                return json.dumps(self.envoy_dump)
            case _:
                raise AssertionError(path)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.polls += 1

    def wait(self, timeout: float = 10, *, only_new: bool = False, since: Progress | None = None) -> float:
        plane = ControlPlane(self)
        known = plane.refused() if only_new else ()
        plane.wait_synced(timeout=timeout, known=known, since=since, clock=lambda: self.now, sleep=self.sleep)
        return self.now


def test_quiet_and_acknowledged_is_synced() -> None:
    assert FakeIstiod([(1, 1, [proxy()])]).wait() == pytest.approx(0.6)


def test_a_change_that_istiod_has_not_pushed_yet_is_waited_for() -> None:
    """Every proxy looks synced while istiod still collects changes: acknowledgements alone say nothing."""
    collecting = [(received, 1, [proxy()]) for received in range(10)]
    assert FakeIstiod([*collecting, (10, 2, [proxy()])]).wait() > 10 * 0.2


def test_a_proxy_that_is_behind_is_waited_for() -> None:
    behind = (1, 1, [proxy(sent="b", acked="a")])
    assert FakeIstiod([behind] * 20 + [(1, 1, [proxy(sent="b", acked="b")])]).wait() == pytest.approx(21 * 0.2)


def test_two_pushes_are_enough_where_changes_never_end() -> None:
    scenes = [(number, number, [proxy()]) for number in range(100)]
    assert FakeIstiod(scenes).wait() == pytest.approx(3 * 0.2)


def test_a_write_that_reaches_istiod_late_is_waited_for() -> None:
    """Quiet says nothing before the watch has brought the change."""
    before = Progress(received=1, pushed=1)
    late = [(1, 1, [proxy()])] * 20 + [(2, 2, [proxy()])]
    assert FakeIstiod(late).wait() == pytest.approx(0.6)
    assert FakeIstiod(late).wait(since=before) > 20 * 0.2


def test_pushes_from_before_a_write_arrived_do_not_count() -> None:
    before = Progress(received=1, pushed=1)
    busy = [(1, number, [proxy()]) for number in range(1, 20)]
    arrived = [(2, number, [proxy()]) for number in range(20, 40)]
    assert FakeIstiod([*busy, *arrived]).wait(since=before) == pytest.approx((19 + 1 + 2) * 0.2, abs=0.21)


def test_every_istiod_must_have_received_a_write() -> None:
    api = FakeIstiod([(1, 1, [proxy()])], pods_running=("istiod-1", "istiod-2"))
    with pytest.raises(NotSyncedError, match="has not received what was written"):
        api.wait(timeout=2, since=Progress(received=1, pushed=2))


def test_a_refusal_ends_the_wait_at_once() -> None:
    with pytest.raises(UpdateRejectedError) as refused:
        FakeIstiod([(1, 1, [proxy(sent="b", acked="a", error=REFUSED)])]).wait()
    (rejection,) = refused.value.rejections
    assert rejection.object == "0.0.0.0_8443"
    assert "1 update was refused" in str(refused.value)


def test_an_old_refusal_does_not_stop_the_change_that_mends_it() -> None:
    refused = (1, 1, [proxy(sent="b", acked="a", error=REFUSED), proxy("other.ns")])
    assert FakeIstiod([refused]).wait(only_new=True) == pytest.approx(0.6)
    again = (2, 2, [proxy(sent="c", acked="a", error=REFUSED), proxy("other.ns")])
    assert FakeIstiod([refused, again]).wait(only_new=True) < 10
    worse = (2, 2, [proxy(sent="c", acked="a", error="another reason")])
    with pytest.raises(UpdateRejectedError, match="another reason"):
        FakeIstiod([refused, refused, worse]).wait(only_new=True)


def test_envoy_is_asked_where_istiod_names_no_object() -> None:
    scene = (1, 1, [proxy(sent="b", error="Unable to parse JSON")])
    listener = {"error_state": {"failed_configuration": {"name": "0.0.0.0_8443"}, "details": "bad filter"}}
    api = FakeIstiod([scene], envoy_dump={"configs": [listener]})
    assert ControlPlane(api).rejections() == [Rejection(GATEWAY, "LDS", "0.0.0.0_8443", "bad filter")]


def test_the_timeout_names_who_is_behind() -> None:
    with pytest.raises(NotSyncedError, match=f"behind: {GATEWAY}"):
        FakeIstiod([(1, 1, [proxy(sent="b", acked="a")])]).wait(timeout=3)


def test_without_istiod_the_sentence_says_where_it_was_looked_for() -> None:
    with pytest.raises(
        ControlPlaneUnreachableError, match=r"app=istiod in the namespace istio-system.*--istio-namespace"
    ):
        FakeIstiod([(1, 1, [])], pods_running=()).wait()


def test_every_istiod_is_asked() -> None:
    """A proxy is connected to one istiod and unknown to the others."""
    api = FakeIstiod([(1, 1, [proxy()])], pods_running=("istiod-1", "istiod-2"))
    assert ControlPlane(api).progress() == Progress(received=2, pushed=2)


def test_a_control_plane_without_proxies_has_nothing_in_force(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verify, "KubernetesApi", lambda **_: None)
    monkeypatch.setattr(gateway_secrets, "report", lambda _: gateway_secrets.Report((), ()))
    monkeypatch.setattr(ControlPlane, "wait_synced", lambda *_, **__: None)
    monkeypatch.setattr(ControlPlane, "acknowledgements", lambda _: [])
    assert main(["verify"]) == 1
    assert "No proxy is connected" in capsys.readouterr().out
