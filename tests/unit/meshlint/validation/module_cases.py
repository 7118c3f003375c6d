"""The objects of the Istio module's own tests of its validation.

Tests of a part of an object (a server, a TLS setting, a route) get that part put into an object that is valid without
it, so that Istio's verdict on the whole is that on the part.
"""

from __future__ import annotations

import copy
import itertools
import json
from typing import TYPE_CHECKING, Any

import yaml

from tests.unit.meshlint.validation.valid_objects import Json, api_versions, make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Place = tuple[str | int, ...]

_ROUTE: Json = {"route": [{"destination": {"host": "web"}}]}
_FRAMES: dict[str, Json] = {
    "VirtualService": {"hosts": ["web.example.com"], "http": [_ROUTE]},
    "DestinationRule": {"host": "web"},
    "Gateway": {
        "servers": [
            {
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": ["*"],
                "tls": {"mode": "SIMPLE", "credentialName": "web"},
            }
        ]
    },
    "ServiceEntry": {"hosts": ["a.example.com"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]},
    "Telemetry": {"accessLogging": [{"providers": [{"name": "otel"}]}]},
    "RequestAuthentication": {"jwtRules": [{"issuer": "a", "outputClaimToHeaders": [{"claim": "a", "header": "a"}]}]},
}
_HTTP: Place = ("http", 0)
_POLICY: Place = ("trafficPolicy",)
PARTS: dict[str, tuple[tuple[str, Place], ...]] = {
    "validateServer": (("Gateway", ("servers", 0)),),
    "validateServerPort": (("Gateway", ("servers", 0, "port")),),
    "validateTLSOptions": (("Gateway", ("servers", 0, "tls")),),
    "ValidateIPAddress": (("Gateway", ("servers", 0, "bind")),),
    "validateCORSPolicy": (("VirtualService", (*_HTTP, "corsPolicy")),),
    "validateHTTPStatus": (("VirtualService", (*_HTTP, "fault", "abort", "httpStatus")),),
    "validateHTTPFaultInjectionAbort": (("VirtualService", (*_HTTP, "fault", "abort")),),
    "validateHTTPFaultInjectionDelay": (("VirtualService", (*_HTTP, "fault", "delay")),),
    "validateHTTPRetry": (("VirtualService", (*_HTTP, "retries")),),
    "validateHTTPRewrite": (("VirtualService", (*_HTTP, "rewrite")),),
    "validateURIRegexRewrite": (("VirtualService", (*_HTTP, "rewrite", "uriRegexRewrite")),),
    "validateHTTPRedirect": (("VirtualService", (*_HTTP, "redirect")),),
    "validateHTTPDirectResponse": (("VirtualService", (*_HTTP, "directResponse")),),
    "validateDestination": (("VirtualService", (*_HTTP, "route", 0, "destination")),),
    "validateHTTPRoute": (("VirtualService", _HTTP),),
    "validateRouteDestinations": (("VirtualService", ("tcp", 0, "route")),),
    "ValidateHTTPHeaderNameOrJwtClaimRoute": (("VirtualService", (*_HTTP, "match", 0, "headers", "{}")),),
    "ValidateHTTPHeaderValue": (("VirtualService", (*_HTTP, "headers", "request", "set", "x-header")),),
    "ValidateFQDN": (("DestinationRule", (*_POLICY, "tunnel", "targetHost")),),
    "ValidateWildcardDomain": (("VirtualService", ("hosts", 0)), ("DestinationRule", ("host",))),
    "ValidatePort": (("VirtualService", (*_HTTP, "route", 0, "destination", "port", "number")),),
    "ValidatePortName": (("ServiceEntry", ("ports", 0, "name")),),
    "ValidateIPSubnet": (("ServiceEntry", ("addresses", 0)),),
    "ValidateStrictHTTPHeaderName": (("RequestAuthentication", ("jwtRules", 0, "outputClaimToHeaders", 0, "header")),),
    "validateExportTo": (("VirtualService", ("exportTo",)), ("ServiceEntry", ("exportTo",))),
    "validateTrafficPolicy": (("DestinationRule", _POLICY),),
    "validateConnectionPool": (("DestinationRule", (*_POLICY, "connectionPool")),),
    "validateLoadBalancer": (("DestinationRule", (*_POLICY, "loadBalancer")),),
    "validateOutlierDetection": (("DestinationRule", (*_POLICY, "outlierDetection")),),
    "ValidateTLS": (("DestinationRule", (*_POLICY, "tls")),),
    "ValidateLocalityLbSetting": (("DestinationRule", (*_POLICY, "loadBalancer", "localityLbSetting")),),
    "ValidateZoneAwareLbSetting": (("DestinationRule", (*_POLICY, "loadBalancer", "zoneAwareLbSetting")),),
    "validateTelemetryFilter": (("Telemetry", ("accessLogging", 0, "filter")),),
}
_INSTEAD = {"validateHTTPRedirect": "route", "validateHTTPDirectResponse": "route"}
"""What a route must not have beside the part."""


def recorded(file: Path) -> Iterator[Json]:
    """The objects that the module's tests hand to its validating functions."""
    for line in file.read_text(encoding="utf-8").splitlines():
        case: Json = json.loads(line)
        function, value = case["function"], case["value"]
        kind = function.removeprefix("Validate").removeprefix("validate")
        if kind in api_versions():
            if value is not None:
                metadata = {name: case.get(name) for name in ("name", "namespace", "labels", "annotations")}
                yield make(kind, value, **metadata)
            continue
        # The API server drops null before it looks at an object: it is the part's absence.
        for carrier, place in PARTS.get(function, ()) if value is not None else ():
            spec = copy.deepcopy(_FRAMES[carrier])
            if function in _INSTEAD:
                spec["http"][0].pop(_INSTEAD[function])
            _put(spec, place, value)
            yield make(carrier, spec)
            if function == "validateHTTPRoute":
                yield make(carrier, {"http": spec["http"]})


def _put(spec: Any, place: Place, value: Any) -> None:
    for step, following in itertools.pairwise(place):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if len(spec) <= step:
                spec.append(empty)
            spec = spec[step]
        elif following == "{}":
            spec[step] = {value: {"exact": "a"}}
            return
        else:
            spec = spec.setdefault(step, empty)
    last = place[-1]
    if isinstance(last, int) and len(spec) <= last:
        spec.append(value)
    else:
        spec[last] = value


YAML_TREES = (
    "pkg/config/validation/testdata",
    "pkg/test/datasets/validation/dataset",
    "pkg/config/analysis/analyzers/testdata",
    "samples",
    "tests/integration",
)


def documents(source: Path) -> Iterator[Json]:
    """Istio's objects in the YAML files of the module: its tests' and its samples'."""
    for tree in YAML_TREES:
        for file in sorted((source / tree).rglob("*.yaml")):
            try:
                found = list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
            except (yaml.YAMLError, UnicodeDecodeError):
                continue  # a template
            for document in found:
                if isinstance(document, dict) and document.get("kind") in api_versions():
                    document.pop("_err", None)
                    group = str(document.get("apiVersion", "")).partition("/")[0]
                    if group.endswith(".istio.io") and isinstance(document.get("spec"), dict):
                        yield json.loads(json.dumps(_without_null(document), default=str))


def _without_null(value: Any) -> Any:
    """The API server drops null from mappings before it looks at an object."""
    if isinstance(value, dict):
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value
