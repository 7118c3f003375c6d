"""Has every proxy taken its configuration? istiod is asked, and for a refusal the Envoy that refused.

istiod accepts objects that Envoy then refuses (a filter that does not compile, a map entry merged away): the API server
and the webhook say yes, and nothing in Kubernetes shows it. istiod's `/debug/syncz` does, per proxy and xDS type.
Source: istio/istio pilot/pkg/xds/debug.go and delta.go (a refused update sets `lastError`, the next accepted one clears
it); https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol (ACK and NACK).

It goes through the API server's port-forward, as istioctl does, and needs get on pods and create on pods/portforward in
Istio's namespace, and for a refusal in the proxy's namespace.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

_DEBUG_PORT = 8080
_METRICS_PORT = 15014
_ENVOY_ADMIN_PORT = 15000
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.2
# istiod merges changes that come within 100 ms of each other (PILOT_DEBOUNCE_AFTER) before it pushes.
_QUIET_SECONDS = 0.5

_XDS_TYPES: Mapping[str, str] = {
    "type.googleapis.com/envoy.config.listener.v3.Listener": "LDS",
    "type.googleapis.com/envoy.config.cluster.v3.Cluster": "CDS",
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": "RDS",
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": "EDS",
    "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig": "ECDS",
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret": "SDS",
}
_ENVOY_PREAMBLE = re.compile(r"^Error adding/updating (?:listener|cluster)\(s\) ", re.MULTILINE)
_COUNTER = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})? (?P<value>[0-9.e+]+)$")


@dataclass(frozen=True, slots=True)
class Rejection:
    """An update that a proxy refused and still runs without."""

    proxy: str
    """`POD.NAMESPACE`"""
    xds_type: str
    """LDS, CDS, RDS, EDS, ECDS or SDS"""
    object: str
    """Envoy's name of what it refused, such as listener `0.0.0.0_8443`; empty where Envoy names none."""
    reason: str
    """Envoy's own words."""

    def __str__(self) -> str:
        what = f"{self.xds_type} {self.object}" if self.object else self.xds_type
        return f"{self.proxy} refused {what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What one proxy was last sent and last accepted of one xDS type, by nonce."""

    proxy: str
    xds_type: str
    sent: str
    acked: str
    error: str

    @property
    def pending(self) -> bool:
        return self.sent != self.acked

    @property
    def refusal(self) -> tuple[str, str, str] | None:
        """What a proxy refuses, whichever push it came with; None where it refuses nothing."""
        return (self.proxy, self.xds_type, self.error) if self.error else None


class NotSyncedError(Exception):
    """Not every proxy has acknowledged what istiod sent."""


class UpdateRejectedError(NotSyncedError):
    """A proxy refused an update. `rejections` says which proxy, which object and why."""

    def __init__(self, rejections: Sequence[Rejection]) -> None:
        self.rejections = tuple(rejections)
        count = len(self.rejections)
        heading = "1 update was refused by a proxy" if count == 1 else f"{count} updates were refused by proxies"
        super().__init__("\n".join([f"{heading}:", *(f"  {rejection}" for rejection in self.rejections)]))


class ControlPlaneUnreachableError(NotSyncedError):
    """istiod cannot be asked; the sentence says where it was looked for and what to check."""


# --- what the answers mean: pure


def acknowledgements(syncz: Iterable[Mapping[str, Any]]) -> list[Acknowledgement]:
    """Every proxy's state in istiod's answer to `/debug/syncz`."""
    found: list[Acknowledgement] = []
    for proxy in syncz:
        resources = cast("Mapping[str, Mapping[str, str]]", proxy.get("resources") or {})
        found += [
            Acknowledgement(
                proxy=proxy["proxy"],
                xds_type=_XDS_TYPES.get(type_url, type_url),
                sent=status.get("sent", ""),
                acked=status.get("acked", ""),
                error=status.get("lastError", ""),
            )
            for type_url, status in sorted(resources.items())
            if type_url in _XDS_TYPES
        ]
    return found


def rejections(states: Iterable[Acknowledgement]) -> list[Rejection]:
    """The refused updates, one for each object that Envoy's message names."""
    return [
        Rejection(state.proxy, state.xds_type, name, reason)
        for state in states
        if state.error
        for name, reason in named_reasons(state.error)
    ]


def named_reasons(message: str) -> list[tuple[str, str]]:
    """Envoy's message as (object, reason) pairs; the object is empty where the message names none."""
    if not _ENVOY_PREAMBLE.search(message):
        return [("", message.strip())]
    pairs: list[tuple[str, str]] = []
    for line in _ENVOY_PREAMBLE.sub("", message).strip().splitlines():
        name, separator, reason = line.partition(": ")
        if separator and " " not in name:
            pairs.append((name, reason.strip()))
        elif pairs:  # a reason may have more than one line
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip()}")
        else:
            pairs.append(("", line.strip()))
    return pairs


def error_states(config_dump: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(object, reason) of everything that Envoy's `/config_dump` shows with an `error_state`."""
    found: list[tuple[str, str]] = []

    def walk(node: object) -> None:
        if isinstance(node, Mapping):
            mapping = cast("Mapping[str, Any]", node)
            state = mapping.get("error_state")
            if isinstance(state, Mapping):
                failed = cast("Mapping[str, Any]", state)
                configuration = cast("Mapping[str, Any]", failed.get("failed_configuration") or {})
                name = configuration.get("name") or mapping.get("name") or ""
                found.append((str(name), str(failed.get("details", "")).strip()))
            for value in mapping.values():
                walk(value)
        elif isinstance(node, list):
            for value in cast("list[object]", node):
                walk(value)

    walk(config_dump)
    return found


@dataclass(frozen=True, slots=True)
class Progress:
    """How much istiod has received and pushed: counters of its `/metrics`."""

    received: float
    pushed: float


def progress(exposition: str) -> Progress:
    """Configuration changes received and pushes made, from Prometheus' text format."""
    received = pushed = 0.0
    for line in exposition.splitlines():
        sample = _COUNTER.match(line)
        if not sample:
            continue
        if sample["name"] == "pilot_inbound_updates" and 'type="config"' in (sample["labels"] or ""):
            received += float(sample["value"])
        elif sample["name"] == "pilot_debounce_time_count":
            pushed += float(sample["value"])
    return Progress(received, pushed)


# --- asking


class Api(Protocol):
    """The little of a cluster that is needed: pods by label, and HTTP to a port of a pod."""

    def pods(self, namespace: str, selector: str) -> list[str]:
        """Names of the running pods."""
        ...

    def get(self, namespace: str, pod: str, port: int, path: str) -> str:
        """The body of an HTTP answer; raises OSError or http.client.HTTPException."""
        ...


class _ForwardedConnection(http.client.HTTPConnection):
    """HTTP over a socket that is already connected."""

    def __init__(self, forward: Any, port: int, timeout: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout)
        self._forward = forward

    def connect(self) -> None:
        self.sock = self._forward.socket(self.port)
        self.sock.settimeout(self.timeout)


class KubernetesApi:
    """`Api` over the Kubernetes client.

    `kubeconfig` is a path, `context` one of its contexts; None takes the client's defaults (KUBECONFIG, current one),
    and `configuration` (a kubeconfig's content as a mapping) takes precedence over both.
    """

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        configuration: Mapping[str, Any] | None = None,
        timeout: float = 10.0,
    ) -> None:
        # imported here: the client takes half a second, and the rest of this package works without it
        self._client: Any = importlib.import_module("kubernetes.client")
        self._stream: Any = importlib.import_module("kubernetes.stream")
        config: Any = importlib.import_module("kubernetes.config")
        self._configuration: Any = self._client.Configuration()
        self._timeout = timeout
        try:
            if configuration is not None:
                config.load_kube_config_from_dict(
                    dict(configuration), context=context, client_configuration=self._configuration
                )
            else:
                config.load_kube_config(
                    config_file=kubeconfig, context=context, client_configuration=self._configuration
                )
        except (config.ConfigException, OSError) as error:
            where = kubeconfig or "KUBECONFIG or ~/.kube/config"
            raise ControlPlaneUnreachableError(f"No cluster to ask: {where} cannot be used ({error}).") from error

    def _core(self) -> Any:
        # one client per call: a port-forward replaces the client's request method while it is opened
        return self._client.CoreV1Api(self._client.ApiClient(self._configuration))

    def pods(self, namespace: str, selector: str) -> list[str]:
        listed = self._core().list_namespaced_pod(
            namespace, label_selector=selector, field_selector="status.phase=Running", _request_timeout=self._timeout
        )
        return [pod.metadata.name for pod in listed.items]

    def get(self, namespace: str, pod: str, port: int, path: str) -> str:
        return self.ask(namespace, pod, port, path)

    def ask(
        self, namespace: str, pod: str, port: int, path: str, *, method: str = "GET", body: str | None = None
    ) -> str:
        """The body of the answer of a port that a pod opens, also on its loopback; raises OSError unless it is 2xx."""
        forward = self._stream.portforward(
            self._core().connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port)
        )
        connection = _ForwardedConnection(forward, port, self._timeout)
        try:
            headers = {"Host": f"localhost:{port}", "Connection": "close"}
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            answer = response.read().decode()
            if not 200 <= response.status < 300:
                raise OSError(f"{method} {path} of {pod}.{namespace} answered {response.status}: {answer[:200]}")
            return answer
        finally:
            connection.close()
            forward.close()


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Every istiod of one namespace; each knows only the proxies that are connected to it."""

    api: Api
    namespace: str = "istio-system"

    def _istiods(self) -> list[str]:
        try:
            pods = self.api.pods(self.namespace, "app=istiod")
        except Exception as error:
            raise ControlPlaneUnreachableError(
                f"The cluster does not say which istiod runs: {_first_line(error)}"
            ) from error
        if not pods:
            raise ControlPlaneUnreachableError(
                f"No running pod with the label app=istiod in the namespace {self.namespace}: "
                "name Istio's namespace with --istio-namespace, or look why istiod does not run."
            )
        return pods

    def _ask(self, port: int, path: str) -> Iterator[str]:
        for pod in self._istiods():
            try:
                yield self.api.get(self.namespace, pod, port, path)
            except Exception as error:
                raise ControlPlaneUnreachableError(
                    f"istiod ({pod}.{self.namespace}) does not answer {path} on port {port} through the API "
                    f"server's port-forward: {_first_line(error)}. It needs the right to create pods/portforward."
                ) from error

    def acknowledgements(self) -> list[Acknowledgement]:
        return [
            state
            for body in self._ask(_DEBUG_PORT, "/debug/syncz")
            for state in acknowledgements(json.loads(body) or [])
        ]

    def progress(self) -> Progress:
        parts = [progress(body) for body in self._ask(_METRICS_PORT, "/metrics")]
        return Progress(sum(part.received for part in parts), sum(part.pushed for part in parts))

    def rejections(self) -> list[Rejection]:
        """What is refused at this moment; where istiod's record names no object, the Envoy itself is asked."""
        return self._with_objects(rejections(self.acknowledgements()))

    def _with_objects(self, refused: Iterable[Rejection]) -> list[Rejection]:
        return [named for rejection in refused for named in self._named(rejection)]

    def _named(self, rejection: Rejection) -> list[Rejection]:
        if rejection.object or rejection.xds_type not in {"LDS", "CDS", "RDS"}:
            return [rejection]
        pod, _, namespace = rejection.proxy.rpartition(".")
        try:
            dump = json.loads(self.api.get(namespace, pod, _ENVOY_ADMIN_PORT, "/config_dump"))
        except Exception:  # the proxy may be gone, or not ours to ask: istiod's record stands for itself
            return [rejection]
        states = [(name, reason) for name, reason in error_states(dump) if name]
        return [
            Rejection(rejection.proxy, rejection.xds_type, name, reason or rejection.reason) for name, reason in states
        ] or [rejection]

    def refused(self) -> list[Acknowledgement]:
        """What proxies refuse at this moment."""
        return [state for state in self.acknowledgements() if state.error]

    def wait_synced(
        self,
        *,
        timeout: float = _TIMEOUT_SECONDS,
        known: Collection[Acknowledgement] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait until every connected proxy has acknowledged all that was written before this call.

        istiod does not say which objects a push contained. So it counts as done when every proxy has acknowledged the
        last that was sent to it, and istiod has either been quiet for half a second (five times its debounce) or
        completed two pushes since the call: the first may have begun before, the second cannot.

        Args:
            timeout: seconds.
            known: refusals to let pass (`refused()` lists those of now), so that the change that mends them can go on.

        Raises:
            UpdateRejectedError: at once, when a proxy refuses an update.
            NotSyncedError: after `timeout`; the sentence names the proxies that are behind.
            ControlPlaneUnreachableError: istiod cannot be asked.
        """
        began = quiet_since = clock()
        first = last = self.progress()
        passed = {state.refusal for state in known}
        while True:
            sleep(_POLL_SECONDS)
            states = [state for state in self.acknowledgements() if not state.error or state.refusal not in passed]
            if any(state.error for state in states):
                raise UpdateRejectedError(self._with_objects(rejections(states)))
            now, latest = clock(), self.progress()
            if latest != last:
                last, quiet_since = latest, now
            settled = now - quiet_since >= _QUIET_SECONDS or latest.pushed >= first.pushed + 2
            behind = sorted({state.proxy for state in states if state.pending})
            if settled and not behind:
                return
            if now - began > timeout:
                who = f"these proxies are behind: {', '.join(behind)}" if behind else "istiod keeps getting changes"
                raise NotSyncedError(
                    f"Not every proxy has acknowledged its configuration after {timeout:.0f} s; {who}."
                )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# --- `python -m mesh verify`


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", help="path; KUBECONFIG or ~/.kube/config if not given")
    parser.add_argument("--context", help="context of the kubeconfig; its current one if not given")
    parser.add_argument("--istio-namespace", default="istio-system")
    parser.add_argument("--timeout", type=float, default=_TIMEOUT_SECONDS, help="seconds to wait for acknowledgements")
    parser.add_argument("--format", choices=["text", "json"], default="text")


def run(arguments: argparse.Namespace) -> int:
    """0: every proxy has taken its configuration. 1: one refused it or is behind. 2: istiod cannot be asked."""
    refused: Sequence[Rejection] = ()
    failure = ""
    count = 0
    try:
        plane = ControlPlane(
            KubernetesApi(kubeconfig=arguments.kubeconfig, context=arguments.context), arguments.istio_namespace
        )
        plane.wait_synced(timeout=arguments.timeout)
        count = len({state.proxy for state in plane.acknowledgements()})
        if count == 0:
            failure = (
                "No proxy is connected to istiod; restart the gateways' and apps' pods if it does not know theirs."
            )
    except ControlPlaneUnreachableError as error:
        print(error, file=sys.stderr)
        return 2
    except UpdateRejectedError as error:
        refused, failure = error.rejections, str(error)
    except NotSyncedError as error:
        failure = str(error)
    if arguments.format == "json":
        print(json.dumps({"proxies": count, "rejections": [asdict(one) for one in refused], "failure": failure}))
    elif failure:
        print(failure)
    else:
        print(f"Every update is in force at all {count} proxies.")
    return 1 if failure else 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m mesh verify", description="Ask istiod whether any proxy refused an update or is behind."
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))
