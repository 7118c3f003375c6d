"""A cluster as far as it is asked here: pods by label, HTTP to a port that a pod opens, and how Istio was installed.

HTTP goes through the API server's port-forward, as istioctl does, and needs get on pods and create on pods/portforward
in Istio's namespace, and for a refusal in the proxy's namespace.
"""

from __future__ import annotations

import http.client
import importlib
from typing import TYPE_CHECKING, Any, Protocol

from chatgpt_mesh.control_plane.acknowledgement import ControlPlaneUnreachableError
from chatgpt_mesh.control_plane.gateway_secrets import Unreadable
from chatgpt_mesh.control_plane.installation import Deployed

if TYPE_CHECKING:
    from collections.abc import Mapping


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

    def deployments(self, namespace: str, selector: str) -> list[Deployed]:
        api = self._client.AppsV1Api(self._client.ApiClient(self._configuration))
        listed = api.list_namespaced_deployment(namespace, label_selector=selector, _request_timeout=self._timeout)
        return [
            Deployed(
                labels=found.metadata.labels or {},
                environment={
                    variable.name: variable.value or ""
                    for container in found.spec.template.spec.containers
                    for variable in container.env or ()
                },
            )
            for found in listed.items
        ]

    def config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        found = self._if_there(self._core().read_namespaced_config_map, name, namespace)
        return None if found is None else found.data or {}

    def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        found = self._if_there(self._core().read_namespace, name)
        return None if found is None else found.metadata.labels or {}

    def webhook_labels(self, name: str) -> Mapping[str, str] | None:
        api = self._client.AdmissionregistrationV1Api(self._client.ApiClient(self._configuration))
        found = self._if_there(api.read_mutating_webhook_configuration, name)
        return None if found is None else found.metadata.labels or {}

    def gateways(self) -> list[Mapping[str, Any]]:
        return self._listed("networking.istio.io", "v1", "gateways")

    def certificates(self, namespace: str) -> list[Mapping[str, Any]]:
        return self._listed("cert-manager.io", "v1", "certificates", namespace)

    def objects(self, group: str, version: str, plural: str) -> list[Mapping[str, Any]]:
        return self._listed(group, version, plural)

    def secret(self, namespace: str, name: str) -> Mapping[str, str] | None:
        try:
            found = self._if_there(self._core().read_namespaced_secret, name, namespace)
        except self._client.ApiException as error:
            if error.status == 403:
                raise Unreadable("it needs the right to get Secrets there") from error
            raise
        return None if found is None else found.data or {}

    def _listed(self, group: str, version: str, plural: str, namespace: str | None = None) -> list[Mapping[str, Any]]:
        """Objects of a kind; none where the kind is not served."""
        api = self._client.CustomObjectsApi(self._client.ApiClient(self._configuration))
        where = (group, version, plural) if namespace is None else (group, version, namespace, plural)
        listing = api.list_cluster_custom_object if namespace is None else api.list_namespaced_custom_object
        try:
            return listing(*where, _request_timeout=self._timeout)["items"]
        except self._client.ApiException as error:
            if error.status == 404:
                return []
            if error.status == 403:
                raise Unreadable(f"it needs the right to list {plural}.{group}") from error
            raise

    def takes(self, group: str, version: str, plural: str, manifest: Mapping[str, Any]) -> str | None:
        """Why the API server would not create an object of the whole cluster; None where it would. Nothing is made."""
        api = self._client.CustomObjectsApi(self._client.ApiClient(self._configuration))
        try:
            api.create_cluster_custom_object(
                group, version, plural, dict(manifest), dry_run="All", _request_timeout=self._timeout
            )
        except self._client.ApiException as error:
            return str(error.body or error.reason).strip()
        return None

    def _if_there(self, read: Any, *names: str) -> Any:
        try:
            return read(*names, _request_timeout=self._timeout)
        except self._client.ApiException as error:
            if error.status == 404:
                return None
            raise

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
