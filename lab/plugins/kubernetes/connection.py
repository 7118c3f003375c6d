"""One connection to one API server: kubeconfig, credentials, requests and their errors."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode

import urllib3
import yaml

from lab.json_types import JsonArray, JsonObject, is_array, is_object, objects_at
from lab.plugins.plugin import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.client import Configuration

CONNECT_TIMEOUT_SECONDS = 5.0
UNREACHABLE_SECONDS = 30.0  # a cluster that never answered is not asked again for so long: each try costs timeouts
READ_TIMEOUT_SECONDS = 65.0  # above the 30 s that an admission webhook may take, twice


class UnreachableClusterError(PluginError):
    """The API server did not answer, or the kubeconfig does not lead to one."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"The configured Kubernetes cluster is unreachable: {cause}")


class KubernetesError(PluginError):
    """The API server refused a request; `message` is its own wording, a webhook's reason included."""

    def __init__(self, code: int, status: JsonObject) -> None:
        self.code = code
        self.reason: str = status.get("reason") or ""
        self.message: str = status.get("message") or f"HTTP status {code}"
        self.causes = objects_at(status, "details", "causes")
        super().__init__(self.message)


@dataclass(frozen=True)
class KubeconfigChoice:
    """What the provider's configuration says of the cluster; each may be empty."""

    kubeconfig: str = ""  # content or path; empty means the ambient one ($KUBECONFIG, then ~/.kube/config)
    context: str = ""
    cluster: str = ""

    def load(self) -> JsonObject:
        """The merged kubeconfig with the chosen context and cluster put in place.

        Raises UnreachableClusterError when the file is missing or is no kubeconfig, as Pulumi's own plugin treats it.
        """
        from kubernetes.config import ConfigException, kube_config

        text = self.kubeconfig.strip()
        try:
            if text and ("\n" in text or text.startswith("{")):
                config = yaml.safe_load(text)
            else:
                path = text or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
                expanded = ":".join(str(Path(part).expanduser()) for part in path.split(":") if part)
                merged = kube_config.KubeConfigMerger(expanded).config
                if merged is None:
                    raise UnreachableClusterError(f"there is no kubeconfig at {expanded}")
                config = _plain(merged)
        except (OSError, yaml.YAMLError, ConfigException) as error:
            raise UnreachableClusterError(f"the kubeconfig cannot be read: {error}") from error
        if not is_object(config) or not config.get("clusters"):
            raise UnreachableClusterError(
                "the kubeconfig names no cluster; `clusters`, `contexts` and `users` are needed"
            )
        if self.context:
            config["current-context"] = self.context
        contexts = objects_at(config, "contexts")
        context = next((c for c in contexts if c["name"] == config.get("current-context")), None)
        if context is None:
            names = ", ".join(c["name"] for c in contexts)
            raise UnreachableClusterError(
                f"the kubeconfig has no context {config.get('current-context')!r}; it has: {names or 'none'}"
            )
        if self.cluster:
            context["context"]["cluster"] = self.cluster
        return config

    def server(self) -> str:
        """The address of the API server that the chosen context points to."""
        config = self.load()
        context = next(c for c in config["contexts"] if c["name"] == config["current-context"])["context"]
        cluster = next((c for c in config["clusters"] if c["name"] == context["cluster"]), None)
        return cluster["cluster"].get("server", "") if cluster else ""

    def default_namespace(self) -> str:
        """The context's namespace, or "default"."""
        config = self.load()
        context = next(c for c in config["contexts"] if c["name"] == config["current-context"])["context"]
        return context.get("namespace") or "default"


_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def _plain(node: Any) -> Any:
    """A merged kubeconfig as plain values; file names in it are relative to the kubeconfig that they come from."""
    if is_object(node):
        return {key: _plain(value) for key, value in node.items()}
    if is_array(node):
        return [_plain(item) for item in node]
    if not hasattr(node, "path") or not hasattr(node, "value"):
        return node
    plain = _plain(node.value)
    for part in ("cluster", "user"):
        inner = plain.get(part) if is_object(plain) else None
        if is_object(inner) and node.path:
            folder = Path(node.path).absolute().parent
            inner.update({key: str(folder / inner[key]) for key in _FILES if key in inner})
    return plain


class _KubeconfigLoader(Protocol):
    """What is asked of the module `kube_config`, which says nothing of its parameters' types."""

    def load_kube_config_from_dict(self, config_dict: JsonObject, *, client_configuration: Configuration) -> None: ...


class Connection:
    """Requests to the API server over a shared pool of connections; safe for many threads."""

    def __init__(self, choice: KubeconfigChoice, on_warning: Callable[[str], None]) -> None:
        self.choice = choice
        self._on_warning = on_warning
        self._lock = threading.Lock()
        self._pool: Any = None
        self._configuration: Any = None
        self._answered = False
        self._silence: UnreachableClusterError | None = None
        self._silent_until = 0.0

    def _connect(self) -> None:
        with self._lock:
            if self._pool is not None:
                return
            from kubernetes.client import ApiClient, Configuration
            from kubernetes.config import kube_config

            configuration = Configuration()
            configuration.connection_pool_maxsize = 64
            try:
                loader = cast("_KubeconfigLoader", kube_config)
                loader.load_kube_config_from_dict(self.choice.load(), client_configuration=configuration)
                pool = ApiClient(configuration).rest_client.pool_manager
            except UnreachableClusterError:
                raise
            except Exception as error:
                raise UnreachableClusterError(f"the kubeconfig cannot be used: {error}") from error
            self._configuration = configuration
            self._pool = pool

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: JsonObject | JsonArray | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> JsonObject:
        """One request; returns the decoded answer.

        Raises KubernetesError for a refusal, UnreachableClusterError for silence.
        """
        if self._silence is not None and time.monotonic() < self._silent_until:
            raise self._silence
        self._connect()
        headers = {"Accept": accept, "User-Agent": "chatgpt-mesh-lab/pulumi-resource-kubernetes"}
        for credential in self._configuration.auth_settings().values():
            if credential["in"] == "header" and credential["value"]:
                headers[credential["key"]] = credential["value"]
        if body is not None:
            headers["Content-Type"] = content_type
        try:
            response = self._pool.request(
                method,
                self._configuration.host + path + (f"?{urlencode(query)}" if query else ""),
                body=json.dumps(body).encode() if body is not None else None,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=READ_TIMEOUT_SECONDS),
                retries=urllib3.Retry(connect=2, read=False, status=0, redirect=0, other=0, backoff_factor=0.2),
            )
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            silence = UnreachableClusterError(f"{self._configuration.host} gives no answer: {cause}")
            if not self._answered:
                self._silence, self._silent_until = silence, time.monotonic() + UNREACHABLE_SECONDS
            raise silence from error
        self._answered = True
        for warning in response.headers.getlist("Warning"):
            self._on_warning(_warning_text(warning))
        try:
            answer: Any = json.loads(response.data) if response.data else {}
        except ValueError:
            answer = {"message": response.data.decode(errors="replace").strip()}
        if response.status >= 400:
            raise KubernetesError(response.status, answer if is_object(answer) else {"message": str(answer)})
        return answer


def _warning_text(header: str) -> str:
    """The quoted text of an HTTP Warning header (`299 - "text"`)."""
    first, last = header.find('"'), header.rfind('"')
    return header[first + 1 : last].replace('\\"', '"') if last > first >= 0 else header
