"""An app at gateways that are there, on an Istio that is there.

What an app adds to its gateways (verification of its issuers' tokens, its answers, its sessions and limits) is in the
program one object per gateway for all apps. Here each app brings its own, under its own name: Istio adds up what
several objects say of one workload.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pulumi

from chatgpt_mesh.components.istio_objects import IstioObjects, IstioObjectsArgs
from chatgpt_mesh.istio_api.networking import Gateway, Sidecar
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs import dates
from chatgpt_mesh.mesh.specs.gateways import RELEASES
from chatgpt_mesh.mesh.specs.problem import Problem
from chatgpt_mesh.package.declaration import Declaration, declared
from chatgpt_mesh.package.pulumi_types import token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chatgpt_mesh.mesh.objects.owned import Owned

_BESIDE_THE_SPEC = ("gateways", "authorizers", "trust_domain", "faults_allowed", "accept")
"""Inputs that are settings of their own and not the app's."""

_OF_THE_OWNER: Mapping[str, Any] = {"keepalive": None}
"""What only whoever runs a gateway sets on it, with the value for which an app adds nothing.

Not `reject_header_underscores`: without it a client writes the header in which the app reads who is calling. Nor what
says which ports it has: policies of an app hold on these.
"""

_HELD_BY_THE_OWNER = "held-by-the-gateway"
"""In place of a Secret of a listener that is not said here. It is written nowhere."""


def app_declaration(
    name: str, given: Mapping[str, Any], secrets: Iterable[str] = (), misnamed: Iterable[Problem] = ()
) -> Declaration:
    """What the inputs of an app declare, in the stack file's names. `misnamed` are mistakes in those.

    Raises:
        InvalidConfig: with every mistake.
    """
    spec = {key: value for key, value in given.items() if key not in _BESIDE_THE_SPEC}
    beside = {key: given[key] for key in _BESIDE_THE_SPEC if key in given}
    found = list(misnamed)
    gateways: Any = beside.pop("gateways", {})
    if isinstance(gateways, dict):
        said = cast("dict[str, Any]", gateways)
        hosts = _hosts(spec)
        gateways = {
            gateway: _attached(gateway, said.get(gateway, {}), hosts.get(gateway, []), found)
            for gateway in dict.fromkeys([*said, *hosts])
        }
    values = {
        "istio": {"install": False, "version": RELEASE},
        # Nothing that holds for a namespace or the mesh is registered, so there is nothing to be careful about.
        "security": {"scope": "mesh"},
        "gateways": gateways,
        "apps": {name: spec},
        **beside,
    }
    return declared(values, secrets, found=found)


def _hosts(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Hosts by gateway, as far as they can be read; whatever cannot is told later."""
    found: dict[str, list[str]] = {}
    further = spec.get("further_hosts")
    for one in (spec, *(cast("list[Any]", further) if isinstance(further, list) else ())):
        entry = cast("Mapping[str, Any]", one if isinstance(one, dict) else {})
        host, gateway = entry.get("host"), entry.get("gateway")
        if isinstance(host, str) and isinstance(gateway, str):
            found.setdefault(gateway, []).append(host)
    return found


def _attached(name: str, said: Any, hosts: list[str], found: list[Problem]) -> Any:
    """A gateway that is there, with what was not said of it."""
    if not isinstance(said, dict):
        return said
    gateway = cast("dict[str, Any]", said)
    found += [
        Problem(f"gateways.{name}.{key}", "is set by whoever runs the gateway; remove it")
        for key in _OF_THE_OWNER
        if key in gateway
    ]
    kind = gateway.get("kind", "internal" if name == "internal" else "public")
    release, namespace = RELEASES.get(kind, RELEASES["public"]) if isinstance(kind, str) else RELEASES["public"]
    listeners = {"https": {"hosts": hosts, "tls": {"secret": _HELD_BY_THE_OWNER}}} if hosts else {}
    return {
        "release": release,
        "namespace": namespace,
        "existing": {},
        "listeners": listeners,
        **_OF_THE_OWNER,
        **gateway,
        "kind": kind,
    }


def _without_app(declaration: Declaration) -> Mapping[str, Any]:
    """What its gateways are without the app, by key."""
    spec = declaration.mesh.spec.model_copy(update={"apps": {}})
    return {owned.resource.key: owned.resource for owned in Mesh(spec, dates.today()).objects}


def objects_of_app(declaration: Declaration) -> tuple[list[Owned], Mapping[str, tuple[str, ...]]]:
    """What an app is made of, and for each of its routes what is there before it.

    Neither what holds for its namespace or the mesh, nor what its own pods may reach: an app by itself does not know
    whom else they call. Nor listeners, which are the gateway's.
    """
    ((name, _),) = declaration.mesh.spec.apps.items()
    others = _without_app(declaration)
    names: dict[str, str] = {}
    found: list[Owned] = []
    for owned in declaration.mesh.objects:
        section = owned.declaration.partition(".")[0]
        key, spec = owned.resource.key, getattr(owned.resource, "spec", None)
        if isinstance(spec, Sidecar | Gateway):
            continue
        if section == "gateways" and others.get(key) != owned.resource:
            owned = replace(owned, resource=_renamed(owned.resource, name))
        elif section != "apps":
            continue
        names[key] = owned.resource.key
        found.append(owned)
    needs = {
        names[route]: tuple(names[key] for key in keys if key in names)
        for route, keys in declaration.mesh.routes_need.items()
        if route in names
    }
    return found, needs


def _renamed(resource: Any, app: str) -> Any:
    """An object in a gateway's namespace, under a name that no other app's has."""
    metadata = replace(resource.metadata, name=f"{app}-{resource.metadata.name}")
    return replace(resource, metadata=metadata)


class App(pulumi.ComponentResource):
    """One app; its children are Istio's objects."""

    def __init__(self, name: str, declaration: Declaration, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token("App"), name, None, opts)
        mesh = declaration.mesh
        ((app_name, app),) = mesh.graph.apps.items()
        objects, needs = objects_of_app(declaration)
        IstioObjects(
            IstioObjectsArgs(
                objects=objects,
                routes_need=needs,
                namespaces={},
                parents=dict.fromkeys(
                    [f"apps.{app_name}", *(f"gateways.{gateway}" for gateway in mesh.gateways)], self
                ),
                sealed=declaration.secrets.sealed,
            ),
            pulumi.ResourceOptions(),
        )
        outputs: dict[str, Any] = {
            "hosts": [exposure.host for exposure in app.exposures],
            "service": app.service_host,
            "principal": mesh.graph.principal(mesh.graph.app_identity(app)),
            "objects": [owned.resource.key for owned in objects],
        }
        if app.mcp is not None and app.host is not None:
            outputs["mcpUrl"] = f"https://{app.host}{app.mcp.path}"
        self.outputs: dict[str, Any] = declaration.secrets.sealed(outputs)
        self.register_outputs(self.outputs)
