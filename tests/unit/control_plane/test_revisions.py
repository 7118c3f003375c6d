"""A control plane that a stack no longer declares goes only when no proxy follows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from chatgpt_mesh.control_plane.installation import Deployed
from chatgpt_mesh.control_plane.revisions import followed, in_use

pytestmark = pytest.mark.unit

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"


@dataclass
class Cluster:
    """Revision -> the proxies of its one istiod; None: it does not run."""

    planes: Mapping[str, Sequence[str] | None]

    def deployments(self, namespace: str, selector: str) -> list[Deployed]:
        assert (namespace, selector) == ("istio-system", "app=istiod")
        return [Deployed(labels={"istio.io/rev": revision}, environment={}) for revision in self.planes]

    def pods(self, namespace: str, selector: str) -> list[str]:
        revision = selector.rpartition("istio.io/rev=")[2]
        return [] if self.planes[revision] is None else [f"istiod-{revision}-0"]

    def get(self, namespace: str, pod: str, port: int, path: str) -> str:
        assert path == "/debug/syncz"
        revision = pod.removeprefix("istiod-").removesuffix("-0")
        told = {LISTENER: {"sent": "a", "acked": "a"}}
        return json.dumps([{"proxy": proxy, "resources": told} for proxy in self.planes[revision] or ()])

    def config_map(self, namespace: str, name: str) -> None:
        return None

    def namespace_labels(self, name: str) -> None:
        return None

    def webhook_labels(self, name: str) -> None:
        return None


def sentence(declared: Sequence[str], **planes: Sequence[str] | None) -> str:
    cluster: Any = Cluster({name.replace("_", "-"): proxies for name, proxies in planes.items()})
    return in_use(followed(cluster, declared))


def test_one_that_is_declared_may_be_followed() -> None:
    assert not sentence(["default", "1-31-4"], default=["a.apps"], **{"1_31_4": ["b.apps"]})


def test_one_that_is_not_names_its_proxies_and_the_way_out() -> None:
    assert sentence(["1-31-4"], default=["b.apps", "a.apps"], **{"1_31_4": []}) == (
        "istio.revisions: default is gone from the stack, and 2 running proxies follow it still: a.apps, b.apps. "
        "Restart their pods (kubectl rollout restart), so that the new control plane injects them, and run the same "
        "command again; nothing has been deleted."
    )


def test_many_proxies_are_counted_and_five_are_named() -> None:
    said = sentence(["new"], new=[], old=[f"p{number}.apps" for number in range(9)])
    assert "9 running proxies follow it still: p0.apps, p1.apps, p2.apps, p3.apps, p4.apps and others" in said


@pytest.mark.parametrize("proxies", [[], None], ids=["serves nobody", "does not run"])
def test_one_that_nobody_follows_may_go(proxies: Sequence[str] | None) -> None:
    assert not sentence(["new"], new=[], old=proxies)
