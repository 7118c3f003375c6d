"""What istiod makes of the inputs of its own tests is what the view makes of them.

Inputs and outcomes are read from the module that the lab's toolchain pins: `testdata/*.yaml` and `*.yaml.golden` of
istiod's conversion.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import meshlint
from meshlint.environment import Environment
from meshlint.finding import Severity
from meshlint.lint import lint
from meshlint.load import Loaded, load_bytes
from meshlint.view.gateway_api.istio_routes import NO_BACKEND
from meshlint.view.mesh import MeshView
from tests.unit.meshlint.test_false_alarms import istio

pytestmark = pytest.mark.unit

DIRECTORY = "pilot/pkg/config/kube/gateway/testdata"
Made = dict[tuple[str, ...], Any]

NOT_IN_SIGHT = {
    "frontend-tls-invalid.yaml": "the authority of clients is not in the ConfigMap that it names",
    "invalid.yaml": "Secrets that are no certificates, or that do not exist",
    "listenerset-https-missing-tls.yaml": "a Secret that istiod's test has and the file does not",
    "listenerset-invalid.yaml": "an address that istiod's test knows no Service for",
    "east-west-ambient.yaml": "an east-west gateway, whose listeners are not followed",
    "valid-invalid-parent-ref.yaml": "a Service that istiod's test does not have",
}
"""Files in which one side knows more than the file says: what istiod programs is there, and more."""


NOT_FOLLOWED = {"reference-policy-inferencepool.yaml"}
"""InferencePools: Istio makes a Service of each, by a controller that the view does not have."""


def cases() -> list[str]:
    found = {file.name for file in (istio() / DIRECTORY).glob("*.yaml") if Path(f"{file}.golden").exists()}
    assert found >= NOT_FOLLOWED
    return sorted(found - NOT_FOLLOWED)


def view(file: Path) -> MeshView:
    loaded = Loaded()
    load_bytes(file.read_bytes(), file.name, loaded, explicit=True)
    objects = list(loaded.objects)
    named = {obj["metadata"].get("namespace") for obj in objects if obj.get("metadata", {}).get("namespace")}
    # Every namespace of istiod's test has a label: the first part of its name.
    for name in sorted(named | {"default"}):
        labels = {"istio.io/test-name-part": name.split("-")[0]}
        objects.append({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        # Something to refer to in each: then its grants are in sight.
        objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shown", "namespace": name}})
    return MeshView(objects, environment=Environment(), today=date(2026, 12, 1))


def made_by_view(mesh: MeshView) -> tuple[Made, Made]:
    servers: Made = {}
    for gateway in mesh.programmed_gateways:
        for server in gateway.servers:
            if gateway not in mesh.gateways and "refused" not in server.tls:
                hosts = sorted(f"{namespace}/{host}" for namespace, host in server.hosts)
                mode = server.tls.get("mode", "") if server.tls else ""
                servers[(gateway.key,)] = (server.number, server.protocol, hosts, mode)
    routes: Made = defaultdict(list)
    for service in mesh.programmed_services:
        for host in service.hosts if service.from_gateway_api else ():
            for gateway in service.gateways:
                key = (host.replace("cluster.local", "domain.suffix"), gateway)
                routes[*key, "http"] += [told(route.raw) for route in service.http]
                for block in ("tls", "tcp"):
                    routes[*key, block] += [told(raw) for raw in service.spec.get(block, [])]
    return servers, compared(routes)


def made_by_istiod(golden: Path) -> tuple[Made, Made]:
    servers: Made = {}
    routes: Made = defaultdict(list)
    for obj in yaml.load_all(golden.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
        if obj is None:
            continue
        spec = obj["spec"]
        for server in spec.get("servers", ()):
            hosts = sorted(host if "/" in host else f"*/{host}" for host in server["hosts"])
            mode = server["tls"].get("mode", "PASSTHROUGH") if "tls" in server else ""
            key = f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
            servers[(key,)] = (server["port"]["number"], server["port"]["protocol"], hosts, mode)
        for host in spec.get("hosts", ()) if obj["kind"] == "VirtualService" else ():
            for gateway in spec["gateways"]:
                for block in ("http", "tls", "tcp"):
                    routes[host, gateway, block] += [told(raw) for raw in spec.get(block, ())]
    return servers, compared(routes)


def compared(routes: Made) -> Made:
    """Routes of the mesh for several ports of a Service have no order among each other."""
    return {key: sorted(found, key=str) if key[1] == "mesh" else found for key, found in routes.items() if found}


def told(raw: dict[str, Any]) -> dict[str, Any]:
    """A route, by what decides about requests."""
    matches = [{**match} for match in raw.get("match", ())]
    for match in matches:
        uri = match.get("uri", {})
        if "pathPrefix" in uri:
            match["uri"] = {"prefix": uri["pathPrefix"]}
        if match.get("uri") == {"prefix": "/"}:
            # What the API server writes where a rule has no match: istiod's tests have no API server.
            del match["uri"]
        if "headers" in match:
            match["headers"] = {name.lower(): value for name, value in match["headers"].items()}
    destinations: list[tuple[Any, ...]] = []
    for entry in raw.get("route") or ():
        to = entry.get("destination") or {}
        refused = "refused" in entry and entry["refused"] != NO_BACKEND
        host = "" if refused else to.get("host", "").replace("cluster.local", "domain.suffix")
        # Istio gives an InferencePool a Service of its own, with a hash in its name and a port of its own.
        host = re.sub(r"-ip-[0-9a-f]{8}\.", ".", host)
        nowhere = host.startswith("internal.")
        pool = host.startswith(("infpool", "my-ip"))
        port = None if nowhere or refused or pool else to.get("port", {}).get("number")
        destinations.append(("nowhere" if nowhere else host, port, entry.get("weight", 0)))
    return {
        "name": raw.get("name"),
        "match": [match for match in matches if match],
        "route": destinations,
        "redirect": "redirect" in raw,
        "rewrite": raw.get("rewrite"),
        "status": raw.get("directResponse", {}).get("status"),
    }


@pytest.mark.parametrize("name", cases())
def test_the_view_makes_what_istiod_makes(name: str) -> None:
    file = istio() / DIRECTORY / name
    servers, routes = made_by_view(view(file))
    wanted_servers, wanted_routes = made_by_istiod(Path(f"{file}.golden"))
    if name in NOT_IN_SIGHT:
        servers = {key: made for key, made in servers.items() if key in wanted_servers}
        routes = {key: made for key, made in routes.items() if key in wanted_routes}
        wanted_servers = {key: made for key, made in wanted_servers.items() if key in servers}
    assert servers == wanted_servers
    assert routes == wanted_routes


def test_the_exceptions_are_files_that_exist_and_differ() -> None:
    assert set(NOT_IN_SIGHT) <= set(cases())
    for name in NOT_IN_SIGHT:
        file = istio() / DIRECTORY / name
        assert made_by_view(view(file)) != made_by_istiod(Path(f"{file}.golden")), name


def test_linting_istiods_inputs_ends_without_an_exception() -> None:
    files = sorted((istio() / DIRECTORY).glob("*.yaml"))
    assert len(files) > 40
    for file in files:
        lint([str(file)], today=date(2026, 12, 1), environment=Environment())


KNOWN_BY_ISTIOD_ONLY = frozenset(
    {
        "BackendNotFound", "InvalidCertificateRef", "InvalidCACertificateRef", "InvalidCACertificateKind",
        "NoValidCACertificate", "InvalidRouteKinds",
    }
)  # fmt: skip
"""Reasons that hang on Services, Secrets and ConfigMaps that istiod's tests do not have, or have as they need them; and
kinds of routes that a listener lets in and its protocol does not take, which harms nobody."""


def refused_by_istiod(golden: Path) -> dict[str, set[str]]:
    """The reasons in the status of each object, as istiod writes it."""
    found: dict[str, set[str]] = defaultdict(set)
    for obj in yaml.load_all(golden.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
        status = (obj or {}).get("status") or {}
        for block in (*(status.get("parents") or ()), *(status.get("listeners") or ())):
            for condition in block["conditions"]:
                wanted = "True" if condition["type"] == "Conflicted" else "False"
                told = condition["type"] in ("Accepted", "ResolvedRefs", "Conflicted")
                if told and condition["status"] == wanted:
                    metadata = obj["metadata"]
                    found[f"{obj['kind']}/{metadata['namespace']}/{metadata['name']}"].add(condition["reason"])
    return found


def refused_by_rules(file: Path) -> dict[str, set[Severity]]:
    """The severities of what the rules say about each object: not that it is never asked, nor that it has no TLS."""
    found: dict[str, set[Severity]] = defaultdict(set)
    objects = [dict(obj.body) for obj in view(file).objects if obj.name != "shown"]
    named = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"}
    # Something that can be referred to, so that grants are in sight, and no Service.
    objects += [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shown", "namespace": name}} for name in named
    ]
    for finding in meshlint.run(objects, today=date(2026, 12, 1)).findings:
        if finding.code.startswith("MCP9") and finding.code not in ("MCP907", "MCP914"):
            found[finding.object].add(finding.severity)
    return found


EXCEPT = {
    "Gateway/istio-system/invalid": "an east-west gateway, whose listeners are not followed",
    "HTTPRoute/default/invalid-parentRef-service-entry": "the file has no ServiceEntry, so none is missed",
    "HTTPRoute/group-namespace1/bind-cross-namespace": "other listeners of its parent let it in",
}


@pytest.mark.parametrize("name", cases())
def test_what_istiod_refuses_is_an_error_and_nothing_else_is(name: str) -> None:
    file = istio() / DIRECTORY / name
    istiod = refused_by_istiod(Path(f"{file}".removesuffix(".yaml") + ".status.yaml.golden"))
    ours = refused_by_rules(file)
    unjustified = {key for key, severities in ours.items() if Severity.ERROR in severities and not istiod.get(key)}
    assert unjustified == set()
    missed = {key: reasons for key, reasons in istiod.items() if reasons - KNOWN_BY_ISTIOD_ONLY and not ours.get(key)}
    assert set(missed) <= set(EXCEPT), missed
