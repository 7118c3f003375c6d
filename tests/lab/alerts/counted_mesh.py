"""The lab with a Prometheus over it: proxies that count, and an istiod that has forgotten what others broke."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lab import istio_metrics
from lab.workloads.request import send_all
from tests.lab.kubectl import ISTIO_SYSTEM, end_leaving_pods, kubectl, wait_rolled_out
from tests.lab.prometheus import scraping
from tests.lab.running_lab import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lab.workloads.request import Request
    from tests.lab.prometheus import Prometheus
    from tests.lab.running_lab import Pod, RunningLab

_LET_GO_WITHIN = 60.0
"""Seconds in which a round of requests ends."""


@contextmanager
def counted_mesh(lab: RunningLab, rules: list[dict[str, Any]], home: Path) -> Iterator[Prometheus]:
    """A Prometheus over every proxy of the lab and over istiod, with these groups of rules."""
    # istiod asks for keys that it once had for a week after the last object has named their issuer.
    restart(lab, ISTIO_SYSTEM, "istiod")
    public = lab.stack.gateways["public"]
    # A proxy reads at its start which statistics it has, and this one may be of before they were declared.
    restart(lab, public.home, public.release_name)
    tags = istio_metrics.tags([lab.objects.get("Telemetry", ISTIO_SYSTEM, "mesh-default")])
    try:
        with (
            lab.objects.with_added(istio_metrics.envoy_filter(tags)),
            scraping(lab, proxies(lab), rules, home) as prometheus,
        ):
            yield prometheus
    finally:
        restart(lab, ISTIO_SYSTEM, "istiod")


def restart(lab: RunningLab, namespace: str, name: str) -> None:
    kubectl(lab, "rollout", "restart", f"deployment/{name}", f"--namespace={namespace}")
    wait_rolled_out(lab, namespace, f"deployment/{name}")
    end_leaving_pods(lab, namespace)


def proxies(lab: RunningLab) -> list[Pod]:
    gateways = [pod for name in lab.stack.gateways for pod in lab.gateway_pods(name)]
    return [*gateways, *lab.mcp_pods(), lab.pod(lab.namespace, "chatgpt-api")]


def api(lab: RunningLab, **headers: str) -> Request:
    """The API through the gateway, by somebody who is over no limit."""
    token = lab.token(subject=new_id("api"))
    return replace(
        lab.call(token=token, headers=headers, url=f"https://{lab.host}/api/v1/orders"), method="GET", body=None
    )


@contextmanager
def sending(*requests: Request, parallel: int = 4, every: float = 0.3) -> Iterator[None]:
    """These requests again and again, `every` so many seconds after the last of them was answered."""
    with repeating(lambda _: send_all([*requests], parallel=parallel), every=every):
        yield


@contextmanager
def repeating(turn: Callable[[int], object], *, every: float) -> Iterator[None]:
    """`turn` again and again beside the test; its argument counts from 0."""
    ended = threading.Event()
    failed: list[Exception] = []

    def go_on() -> None:
        for number in itertools.count():
            try:
                turn(number)
            except Exception as error:  # the test is told of it at the end, whatever it is
                failed.append(error)
                return
            if ended.wait(every):
                return

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_LET_GO_WITHIN)
        if failed:
            raise failed[0]  # Also where the test has failed, since this may be why.


def pinned(lab: RunningLab, requests: Sequence[Request]) -> list[Request]:
    """These to the canary, whatever its share is."""
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    assert rollout.canary is not None
    pin = rollout.canary.pin
    assert pin is not None
    assert pin.header is not None
    return [replace(one, headers={**one.headers, pin.header: pin.value}) for one in requests]
