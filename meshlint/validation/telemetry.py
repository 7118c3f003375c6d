"""What Istio takes as a Telemetry and a ProxyConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlint.validation.grammar import (
    NONE,
    Message,
    between,
    each,
    entries,
    every,
    filled,
    longest,
    one_of,
    problem,
    whole,
)
from meshlint.validation.selection import SELECTION, selector, selects_once
from meshlint.validation.values import short_duration

if TYPE_CHECKING:
    from meshlint.validation.grammar import Problems
    from meshlint.view.fields import Json
    from meshlint.view.manifest import Manifest


def _provider(value: Json) -> Problems:
    return NONE if value.get("name") else problem("has no name", "name a provider of MeshConfig")


def _tag(value: Json) -> Problems:
    found = NONE
    for kind, field in (("literal", "value"), ("header", "name"), ("environment", "name"), ("formatter", "value")):
        if kind in value and not value[kind].get(field):
            found += problem("is empty", f"write its {field}", kind)
    return found


def _override(value: Json) -> Problems:
    operation = value.get("operation", "UPSERT")
    if operation == "UPSERT" and not value.get("value"):
        return problem("is absent on a tag that is to be set", "write an expression, or operation: REMOVE", "value")
    if operation == "REMOVE" and "value" in value:
        return problem("stands on a tag that is removed", "remove the value, or the operation", "value")
    return NONE


def _filter(value: Json) -> Problems:
    return NONE if value.get("expression") else problem("is empty", "write an expression, or remove it")


_PROVIDERS = each(_provider)
_TRACING = Message(
    {
        "providers": _PROVIDERS,
        "randomSamplingPercentage": between(0, 100),
        "customTags": entries(every(one_of("literal", "environment", "header", "formatter"), _tag), key=filled),
    }
)
_METRICS = Message(
    {
        "providers": _PROVIDERS,
        "reportingInterval": short_duration,
        "overrides": each(
            Message(
                {
                    "match": Message({"customMetric": filled}, one_of("metric", "customMetric")),
                    "tagOverrides": entries(_override),
                }
            )
        ),
    }
)
_TELEMETRY = Message(
    {
        **SELECTION,
        "tracing": each(_TRACING),
        "metrics": each(_METRICS),
        "accessLogging": each(Message({"providers": _PROVIDERS, "filter": _filter})),
    },
    selects_once,
)


def validate(obj: Manifest) -> Problems:
    """Every reason to refuse this Telemetry, by its place in the spec."""
    return _TELEMETRY(obj.spec)


_PROXY_CONFIG = Message(
    {
        "selector": selector("matchLabels"),
        "concurrency": whole(0),
        "environmentVariables": entries(longest(2048)),
    }
)


def validate_proxy_config(obj: Manifest) -> Problems:
    """Every reason to refuse this ProxyConfig, by its place in the spec."""
    return _PROXY_CONFIG(obj.spec)
