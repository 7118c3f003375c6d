"""Which kinds the server serves, when that is asked again, and how an unreachable server is met."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from lab.plugins.kubernetes.connection import Connection, KubeconfigChoice, UnreachableClusterError
from lab.plugins.kubernetes.discovery import Discovery, KindNotServedError, ServedKind

pytestmark = pytest.mark.unit


class Server(Connection):
    """Serves the kinds of a test by aggregated discovery."""

    def __init__(self) -> None:
        super().__init__(KubeconfigChoice(), on_warning=print)
        self.groups: dict[str, dict[str, list[tuple[str, str, str]]]] = {
            "": {"v1": [("Service", "services", "Namespaced"), ("Namespace", "namespaces", "Cluster")]},
            "apps": {"v1": [("Deployment", "deployments", "Namespaced")]},
        }
        self.requests = 0

    def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.requests += 1
        core = path == "/api"
        items = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [
                    {
                        "version": version,
                        "resources": [
                            {"resource": plural, "responseKind": {"kind": kind}, "scope": scope}
                            for kind, plural, scope in kinds
                        ],
                    }
                    for version, kinds in versions.items()
                ],
            }
            for group, versions in self.groups.items()
            if (group == "") is core
        ]
        return {"items": items}


def test_a_kind_is_found_with_its_path() -> None:
    discovery = Discovery(Server())
    service, deployment = discovery.require("v1", "Service"), discovery.require("apps/v1", "Deployment")
    assert service == ServedKind("v1", "Service", "services", namespaced=True)
    assert service.path("ns", "s") == "/api/v1/namespaces/ns/services/s"
    assert deployment.path("ns") == "/apis/apps/v1/namespaces/ns/deployments"
    assert discovery.require("v1", "Namespace").path("ignored", "n") == "/api/v1/namespaces/n"


def test_the_server_is_asked_once_for_what_it_serves_and_not_for_each_miss() -> None:
    server = Server()
    discovery = Discovery(server)
    for _ in range(50):
        assert discovery.find("v1", "Service")
        assert discovery.find("e.com/v1", "Widget") is None
    assert server.requests <= 4


def test_a_kind_that_has_come_is_found_at_once() -> None:
    server = Server()
    discovery = Discovery(server)
    with pytest.raises(KindNotServedError, match=r"serves no Widget in e\.com/v1"):
        discovery.require("e.com/v1", "Widget")
    server.groups["e.com"] = {"v1": [("Widget", "widgets", "Namespaced")]}
    discovery.changed()
    assert discovery.require("e.com/v1", "Widget").plural == "widgets"


def test_helm_sees_groups_and_kinds() -> None:
    assert Discovery(Server()).api_versions() == ["apps/v1", "apps/v1/Deployment", "v1", "v1/Namespace", "v1/Service"]


def test_a_server_that_never_answered_is_not_tried_for_every_resource(monkeypatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    kubeconfig = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {}}],
    }
    connection = Connection(KubeconfigChoice(json.dumps(kubeconfig)), lambda _: None)
    with pytest.raises(UnreachableClusterError, match=f"127.0.0.1:{port} gives no answer"):
        connection.request("GET", "/api")

    def dial(*_: object, **__: object) -> None:
        raise AssertionError("tried again")

    monkeypatch.setattr(connection._pool, "request", dial)
    with pytest.raises(UnreachableClusterError, match="gives no answer"):
        connection.request("GET", "/api")
