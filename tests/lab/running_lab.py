"""The running lab as a test sees it: its edge, its pods, its live objects."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from kubernetes import client as kubernetes_client
from kubernetes import config as kubernetes_config

from chatgpt_mesh.control_plane.istiod import ControlPlane
from chatgpt_mesh.control_plane.kubernetes_api import KubernetesApi
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.auth import AuthSpec
from chatgpt_mesh.stack.settings import Settings
from lab.stack import STACK
from lab.state import CHECKOUT, State
from lab.workloads import tokens
from lab.workloads.caller import CONTROL_PORT
from lab.workloads.recorder import TEST_ID_HEADER, Answer
from lab.workloads.request import Reply, Request, send
from tests.lab.live_objects import LiveObjects

JSON_RPC_HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
_ENVOY_ADMIN_PORT = 15000
_TIMEOUT_SECONDS = 20.0
_PULUMI_TIMEOUT_SECONDS = 300.0
_CLOSING_SECONDS = 1.0
_OF_THE_STATE_ALONE = ("stack", "cancel")
"""Commands of Pulumi's that read no stack file."""
_REQUEST_IDS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's Service as clients outside the mesh reach it."""

    address: str
    ca_file: str

    def request(self, url: str, **settings: Any) -> Request:
        return Request(url=url, address=self.address, ca_file=self.ca_file, **settings)

    def send(self, url: str, **settings: Any) -> Reply:
        return send(self.request(url, **settings))


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of a sample workload, asked through the API server's port-forward."""

    lab: RunningLab
    namespace: str
    name: str
    ip: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])

    def fetch(self, port: int, path: str, *, method: str = "GET", body: str | None = None) -> str:
        return self.lab.api.ask(self.namespace, self.name, port, path, method=method, body=body)

    def seen(self, test_id: str) -> list[dict[str, Any]]:
        """The requests of a test that the application received."""
        return json.loads(self.fetch(CONTROL_PORT, f"/requests?test_id={quote(test_id)}"))

    def executions(self, call_id: str) -> int:
        """How often the tool call of that name ran here."""
        return json.loads(self.fetch(CONTROL_PORT, f"/calls?call_id={quote(call_id)}"))["executions"]

    def send(self, *requests: Request, parallel: int = 1) -> list[Reply]:
        """Send requests from inside the pod, as its identity."""
        order = json.dumps({"requests": [asdict(request) for request in requests], "parallel": parallel})
        return [Reply(**reply) for reply in json.loads(self.fetch(CONTROL_PORT, "/send", method="POST", body=order))]

    def envoy(self, path: str) -> str:
        """An answer of the sidecar's or gateway's admin interface."""
        return self.fetch(_ENVOY_ADMIN_PORT, path)

    def envoy_counters(self, pattern: str) -> dict[str, int]:
        """Envoy's statistics whose name matches a regular expression."""
        found = self.envoy(f"/stats?filter={quote(pattern)}")
        return {name: int(value) for name, _, value in (line.rpartition(": ") for line in found.splitlines()) if name}

    def answer(self, answer: Answer) -> None:
        """How the application answers from now on, until it is told otherwise."""
        self.fetch(CONTROL_PORT, "/answer", method="PUT", body=json.dumps({"answer": answer}))

    def host_statistic(self, cluster: str, name: str) -> dict[str, int]:
        """Address -> one of Envoy's counters of a cluster's hosts (cx_total, cx_connect_fail, rq_total, rq_error).

        Istio's bootstrap keeps the statistics of clusters off; those of their hosts are always there.
        """
        found: dict[str, int] = {}
        for line in self.envoy("/clusters").splitlines():
            match line.split("::"):
                case [owner, address, statistic, value] if cluster in owner and statistic == name:
                    found[address] = found.get(address, 0) + int(value)
        return found


class RunningLab:
    """A cluster on which a stack has been deployed."""

    def __init__(self, state: State, kubeconfig: Path, stack_file: Path, stack: Settings) -> None:
        self.state = state
        self.kubeconfig = kubeconfig
        self.stack_file = stack_file
        self.stack = stack
        configuration = kubernetes_client.Configuration()
        kubernetes_config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        self._configuration = configuration
        self.core: Any = kubernetes_client.CoreV1Api(kubernetes_client.ApiClient(configuration))
        self.apps: Any = kubernetes_client.AppsV1Api(kubernetes_client.ApiClient(configuration))
        self.api = KubernetesApi(kubeconfig=str(kubeconfig), timeout=_TIMEOUT_SECONDS)
        self.plane = ControlPlane(self.api)

    @cached_property
    def objects(self) -> LiveObjects:
        return LiveObjects(kubernetes_client.ApiClient(self._configuration), self.plane)

    @cached_property
    def keys(self) -> tokens.Keys:
        return tokens.load_keys(self.state.issuer)

    def forget_addresses(self) -> None:
        """After another stack ran here: a gateway that was away has a new address, and its old one may be anybody's."""
        vars(self).pop("public", None)

    @property
    def ca_file(self) -> Path:
        return self.state.pki / "edge" / "ca.crt"

    def pulumi(
        self, *arguments: str, stack_file: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Pulumi's own command line on the lab's stack; both streams are in `stdout`."""
        command = ["pulumi", *arguments, "--stack", STACK]
        if arguments[0] not in _OF_THE_STATE_ALONE:
            command += ["--config-file", str(stack_file or self.stack_file)]
        return subprocess.run(
            [*command, "--non-interactive", "--color=never"],
            cwd=CHECKOUT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PULUMI_TIMEOUT_SECONDS,
            check=False,
        )

    @contextlib.contextmanager
    def declaring(self, stack: Settings, *, over: Settings | None = None) -> Iterator[None]:
        """The mesh with what another declaration adds to and changes in the deployed one, or in the one that is
        declared `over` it."""
        before, after = manifests(over or self.stack), manifests(stack)
        with contextlib.ExitStack() as layers:
            if added := [manifest for key, manifest in after.items() if key not in before]:
                layers.enter_context(self.objects.with_added(*added))
            for key, manifest in after.items():
                if key in before and before[key] != manifest:
                    metadata, spec = manifest["metadata"], manifest["spec"]
                    edit = functools.partial(_set_spec, spec)
                    layers.enter_context(
                        self.objects.edited(manifest["kind"], metadata["namespace"], metadata["name"], edit)
                    )
            yield

    def declaring_app(self, **changes: Any) -> AbstractContextManager[None]:
        """`declaring`, with these fields of the MCP app."""
        return self.declaring(self.with_app(**changes))

    def with_app(self, **changes: Any) -> Settings:
        """The deployed declaration with these fields of the MCP app."""
        app = self.stack.apps["chatgpt-mcp"].model_copy(update=changes)
        return self.stack.model_copy(update={"apps": {**self.stack.apps, "chatgpt-mcp": app}})

    def stack_with(self, settings: Mapping[str, Any], directory: Path) -> Path:
        """A stack file in `directory`: the deployed one with `settings` over its own, by the rules of `extends`."""
        stack = yaml.safe_load(self.stack_file.read_text(encoding="utf-8"))
        stack["config"] = _over(stack["config"], {f"chatgpt-mesh:{name}": value for name, value in settings.items()})
        path = directory / f"Pulumi.{new_id('variant')}.yaml"
        path.write_text(yaml.safe_dump(stack), encoding="utf-8")
        return path

    def let_kept_connections_go(self) -> None:
        """Those from before an edit of a rule carry one more request under the old one; callers close what rests."""
        rests = [app.resilience.pool.idle_timeout or timedelta() for app in self.stack.apps.values()]
        time.sleep(max(rests).total_seconds() + _CLOSING_SECONDS)

    # --- edges

    def gateway(self, name: str) -> Gateway:
        """A gateway of the stack by its name there."""
        spec = self.stack.gateways[name]
        service = self.core.read_namespaced_service(spec.release_name, spec.home)
        ingress = service.status.load_balancer.ingress if service.status.load_balancer else None
        address = (ingress[0].ip or ingress[0].hostname) if ingress else service.spec.cluster_ip
        return Gateway(address, str(self.ca_file))

    @cached_property
    def public(self) -> Gateway:
        return self.gateway("public")

    def gateway_pods(self, name: str) -> list[Pod]:
        spec = self.stack.gateways[name]
        return self.pods(spec.home, label_selector(spec.pod_labels))

    # --- the MCP app

    @property
    def host(self) -> str:
        host = self.stack.apps["chatgpt-mcp"].host
        assert host is not None
        return host

    @property
    def mcp_url(self) -> str:
        mcp = self.stack.apps["chatgpt-mcp"].mcp
        assert mcp is not None
        return f"https://{self.host}{mcp.path}"

    @property
    def namespace(self) -> str:
        return self.stack.apps["chatgpt-mcp"].namespace

    def token(self, sort: tokens.Sort = tokens.Sort.VALID, **settings: Any) -> str:
        """A token for the MCP app, with every scope that it asks for unless `scopes` says otherwise."""
        auth = self.auth
        scopes = [*auth.rule(auth.issuers[0]).scopes, *(rule.scope for rule in auth.tools.values())]
        defaults = {"issuer": auth.issuers[0].issuer, "audience": self.mcp_url, "scopes": scopes}
        return tokens.mint(self.keys, sort, **{**defaults, **settings})

    @property
    def auth(self) -> AuthSpec:
        auth = self.stack.apps["chatgpt-mcp"].auth
        assert auth is not None
        return auth

    def call(
        self,
        method: str = "tools/call",
        params: Mapping[str, Any] | None = None,
        *,
        tool: str = "whoami",
        arguments: Mapping[str, Any] | None = None,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        url: str | None = None,
        timeout: float = 10.0,
    ) -> Request:
        """A JSON-RPC request to the MCP endpoint through the public gateway, with a valid token unless one is given.

        `token=""` sends none.
        """
        if params is None:
            params = {"name": tool, "arguments": dict(arguments or {})} if method == "tools/call" else {}
        token = self.token() if token is None else token
        sent = {**JSON_RPC_HEADERS, **({"authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        # unique, since requests of one session may be under way together
        body = json.dumps({"jsonrpc": "2.0", "id": next(_REQUEST_IDS), "method": method, "params": params})
        return self.public.request(url or self.mcp_url, method="POST", headers=sent, body=body, timeout=timeout)

    # --- pods

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        """Running pods that are not being deleted."""
        listed = self.core.list_namespaced_pod(
            namespace, label_selector=selector, field_selector="status.phase=Running", _request_timeout=10
        )
        return [
            Pod(self, namespace, pod.metadata.name, pod.status.pod_ip, pod.metadata.labels or {})
            for pod in listed.items
            if pod.metadata.deletion_timestamp is None
        ]

    def pod(self, namespace: str, app: str) -> Pod:
        found = self.pods(namespace, f"app={app}")
        assert found, f"no pod with the label app={app} runs in {namespace}"
        return found[0]

    def mcp_pods(self, version: str | None = None) -> list[Pod]:
        """Its pods in the mesh: one that is left out of it for a test runs no server."""
        selector = "app=chatgpt-mcp,sidecar.istio.io/inject!=false" + (f",version={version}" if version else "")
        return self.pods(self.namespace, selector)

    def seen(self, test_id: str) -> list[dict[str, Any]]:
        """The requests of a test that any application of the stack received."""
        pods = [*self.mcp_pods(), *self.pods(self.namespace, "app=chatgpt-api")]
        return [request for pod in pods for request in pod.seen(test_id)]

    def executions(self, call_id: str) -> int:
        """How often the tool call of that name ran, over all pods."""
        return sum(pod.executions(call_id) for pod in self.mcp_pods())


def manifests(stack: Settings) -> dict[str, dict[str, Any]]:
    """Key -> manifest of everything that a declaration stands for today."""
    mesh = Mesh(stack, datetime.now(UTC).date())
    return {one.resource.key: one.resource.to_dict() for one in mesh.objects}


def _set_spec(spec: dict[str, Any], live: dict[str, Any]) -> None:
    live["spec"] = spec


def _over(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """`top` over `base`; unlike the program's merge it keeps a null, which takes a parent's key out."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def label_selector(labels: Mapping[str, str]) -> str:
    """What finds the pods that carry all of these."""
    return ",".join(f"{name}={value}" for name, value in labels.items())


def new_id(prefix: str) -> str:
    """A name that no other test run has used."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def marked(request: Request, test_id: str) -> Request:
    """The request with the mark by which pods remember it."""
    return replace(request, headers={**request.headers, TEST_ID_HEADER: test_id})


def eventually(check: Callable[[], bool], *, within: float, what: str) -> None:
    """Wait until `check` says True; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not check():
        assert time.monotonic() < deadline, f"after {within:.0f} s still not: {what}"
        time.sleep(0.2)


def statuses(replies: Sequence[Reply]) -> list[int]:
    return [reply.status for reply in replies]


def tool_result(reply: Reply) -> dict[str, Any]:
    """The result of a JSON-RPC answer, whether it came as JSON or as an event stream."""
    text = reply.body
    if reply.header("content-type").startswith("text/event-stream"):
        text = [line[6:] for line in text.splitlines() if line.startswith("data: {")][-1]
    return json.loads(text)["result"]


@contextlib.contextmanager
def fails() -> Iterator[None]:
    """What is checked inside must fail: with the feature taken out, a test that still passes shows nothing."""
    try:
        yield
    except AssertionError:
        return
    raise AssertionError("the check still passes although its feature has been taken out")
