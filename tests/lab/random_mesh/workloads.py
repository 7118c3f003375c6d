"""What app teams would own: a server of every app that a stack declares, which echoes, and callers nobody declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatgpt_mesh.mesh.specs.app import AppSpec
from lab.workloads import declared_apps
from tests.lab.random_mesh.one_node import FOREIGN_NAMESPACES, JOBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatgpt_mesh.stack.settings import Settings

PART_OF = {"part-of": "random-stacks"}
NEIGHBOUR = "neighbour"
"""A workload in an app's namespace that nobody declares."""


def foreign(image: str) -> Iterator[dict[str, Any]]:
    """Namespaces that stacks speak of and do not make, and in one of them a workload that they name as a caller; they
    stay from one stack to the next."""
    for namespace in FOREIGN_NAMESPACES:
        metadata = {"name": namespace, "labels": {"istio-injection": "enabled", **PART_OF}}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    yield from _marked(declared_apps.workloads([_caller(*JOBS)], image=image, digest=""))


def workloads(stack: Settings, image: str) -> Iterator[dict[str, Any]]:
    """Every app in every version, and a neighbour in each of their namespaces."""
    namespaces = sorted({app.namespace for app in stack.apps.values()})
    apps = [*stack.apps.values(), *(_caller(namespace, NEIGHBOUR) for namespace in namespaces)]
    yield from _marked(declared_apps.workloads(apps, image=image, digest=""))


def _caller(namespace: str, account: str) -> AppSpec:
    return AppSpec(namespace=namespace).named(account)


def _marked(objects: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The objects with a label by which they are found, as servers that answer any path with what arrived."""
    for one in objects:
        one["metadata"]["labels"] = PART_OF
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            # The next stack waits until these are gone, and nothing of theirs is worth waiting for.
            pod["terminationGracePeriodSeconds"] = 1
            (container,) = pod["containers"]
            container["args"] = [word.replace("mcp_server", "echo_server") for word in container["args"]]
        yield one
