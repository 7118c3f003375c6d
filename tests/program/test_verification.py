"""`up` fails when a proxy refused an update, and says which, what and why; a preview asks nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from chatgpt_mesh.components import verification
from chatgpt_mesh.components.verification import ClusterAccess, Verification
from chatgpt_mesh.control_plane.acknowledgement import (
    Acknowledgement,
    NotSyncedError,
    Rejection,
    UpdateRejectedError,
)
from chatgpt_mesh.control_plane.istiod import ControlPlane

pytestmark = pytest.mark.program

REFUSED = Rejection("gateway-1.istio-ingress", "LDS", "0.0.0.0_8443", "no such filter")
ACCESS = ClusterAccess(kubeconfig="/kubeconfig", context="lab")


class _Mocks(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None


class Asked:
    """A control plane that remembers how it was reached, and refuses if it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuse: bool, before: Sequence[Acknowledgement] = ()) -> None:
        self.times = 0
        self.follows = False
        self.access: dict[str, Any] = {}

        def api(**access: Any) -> str:
            self.access = access
            return "api"

        def refused(_: ControlPlane) -> list[Acknowledgement]:
            return list(before)

        def wait(plane: ControlPlane, *, known: Sequence[Acknowledgement]) -> None:
            assert (plane.api, plane.namespace) == ("api", "istio-system")
            assert list(known) == list(before)
            self.times += 1
            if refuse:
                raise UpdateRejectedError([REFUSED])

        def followed(api: object, declared: Sequence[str]) -> dict[str, list[str]]:
            return {"1-30-8": ["a.apps"]} if self.follows and "1-30-8" not in declared else {}

        monkeypatch.setattr(verification, "KubernetesApi", api)
        monkeypatch.setattr(verification, "followed", followed)
        monkeypatch.setattr(ControlPlane, "refused", refused)
        monkeypatch.setattr(ControlPlane, "wait_synced", wait)


def verified(*, preview: bool, revisions: Sequence[str] | None = None) -> None:
    def program() -> None:
        resource = pulumi.CustomResource("kubernetes:core/v1:ConfigMap", "one", {})
        Verification(ACCESS).after([resource], revisions=revisions)

    mocks.set_mocks(_Mocks(), preview=preview)
    mocks.test(program)()


def test_a_refused_update_fails_up_with_proxy_object_and_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    Asked(monkeypatch, refuse=True)
    with pytest.raises(pulumi.RunError) as caught:
        verified(preview=False)
    assert "gateway-1.istio-ingress refused LDS 0.0.0.0_8443: no such filter" in str(caught.value)


def test_without_a_refusal_up_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, refuse=False)
    verified(preview=False)
    assert asked.times == 1
    assert asked.access == {"kubeconfig": "/kubeconfig", "context": "lab", "configuration": None}


@pytest.mark.parametrize(("declared", "moved"), [(["1-30-8", "1-31-4"], True), (["1-31-4"], False), (None, True)])
def test_a_control_plane_that_is_followed_still_keeps_up_from_ending(
    monkeypatch: pytest.MonkeyPatch, declared: Sequence[str] | None, moved: bool
) -> None:
    """The engine deletes only after the program has ended well."""
    Asked(monkeypatch, refuse=False).follows = True
    if moved:
        verified(preview=False, revisions=declared)
        return
    with pytest.raises(pulumi.RunError) as caught:
        verified(preview=False, revisions=declared)
    assert "1 running proxy follows it still: a.apps" in str(caught.value)


def test_what_was_refused_before_is_warned_of_and_stops_nobody_from_mending_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: said.append(text))
    old = Acknowledgement("gateway-1.istio-ingress", "LDS", "b", "a", "no such filter")
    asked = Asked(monkeypatch, refuse=False, before=[old])
    verified(preview=False)
    assert asked.times == 1
    assert [
        "gateway-1.istio-ingress refused LDS before this update already: no such filter" in text for text in said
    ] == [True]


def test_a_preview_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, refuse=True)
    verified(preview=True)
    assert asked.times == 0


HOOKED = 20


def run_hooks_at_once(*, registering: bool) -> None:
    """As the engine calls back for routes whose steps end at the same time, while registrations hold every thread."""
    ended = threading.Event()

    async def program() -> None:
        if registering:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
            loop.run_in_executor(None, ended.wait, 30)
        hook = Verification(ACCESS).acknowledged()
        waiting = [hook(pulumi.ResourceHookArgs("urn", "id", "name", "type")) for _ in range(HOOKED)]
        try:
            await asyncio.wait_for(asyncio.gather(*(wait for wait in waiting if wait is not None)), timeout=10)
        finally:
            ended.set()

    mocks.set_mocks(_Mocks(), preview=False)
    asyncio.run(program())


def test_waits_that_come_together_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, refuse=False)
    run_hooks_at_once(registering=False)
    assert asked.times < 3


def test_a_hook_runs_while_registrations_hold_every_thread_of_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, refuse=False)
    run_hooks_at_once(registering=True)
    assert asked.times


@pytest.mark.parametrize("refuse", [False, True])
def test_a_route_waits_in_its_hook_and_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch, refuse: bool) -> None:
    asked = Asked(monkeypatch, refuse=refuse)
    failures: list[str] = []

    def program() -> None:
        hook = Verification(ACCESS).acknowledged()

        async def as_the_engine_would() -> None:
            try:
                waiting = hook(pulumi.ResourceHookArgs("urn", "id", "name", "type"))
                assert waiting is not None
                await waiting
            except NotSyncedError as error:
                failures.append(str(error))

        pulumi.Output.from_input(asyncio.ensure_future(as_the_engine_would()))

    mocks.set_mocks(_Mocks(), preview=False)
    mocks.test(program)()
    assert asked.times == 1
    assert any("no such filter" in failure for failure in failures) is refuse
