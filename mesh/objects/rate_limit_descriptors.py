"""What a request counts for: the entries that a gateway makes of it, and how many of each may pass.

A request is counted under its app, by its host, and then by whom it comes from. A tier and a tool are entries of their
own, of a closed set of values: what is none of them is `-`, so that no two buckets take the same request. What a tool
call hides from the gateway counts for every limited tool: a limit that a missing header gets around is none.
https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/route/v3/route_components.proto#config-route-v3-ratelimit
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chatgpt_mesh.mesh.objects import envoy_patches
from chatgpt_mesh.mesh.objects.auth.tool_rules import anything_but
from chatgpt_mesh.mesh.specs.mcp import MODERN_VERSIONS
from chatgpt_mesh.mesh.specs.rate_limit import NO_TIER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chatgpt_mesh.mesh.specs.rate_limit import RateLimitSpec, TiersSpec


class Limited(NamedTuple):
    """One limit of an app at a gateway."""

    name: str
    limit: RateLimitSpec
    hosts: tuple[str, ...]
    mcp_path_pattern: str | None
    part: int = 1
    """Number of the object that has it."""


class Bucket(NamedTuple):
    """How many requests with these entries may pass in a window; an entry without value has a bucket per value."""

    entries: tuple[tuple[str, str | None], ...]
    requests: int


def buckets(limited: Limited) -> Iterator[Bucket]:
    limit = limited.limit
    app = ("app", limited.name)
    of_client = (*((key, None) for key in _CLIENT[limit.per]), *_part(limited))
    if limit.tiers is None:
        yield Bucket((app, *of_client), limit.requests)
    else:
        for value, requests in limit.tiers.requests.items():
            yield Bucket((app, ("tier", value), *of_client), requests)
        yield Bucket((app, ("tier", NO_TIER), *of_client), limit.requests)
    for tool, requests in limit.tools.items():
        yield Bucket((app, ("tool", tool), *of_client), requests)


def actions(limited: Limited) -> Iterator[dict[str, Any]]:
    """One list of actions for each descriptor that a request may get. Without a verified token a subject has none."""
    limit = limited.limit
    of_client = _client_actions(limit)
    for key, value in _part(limited):
        of_client.append({"generic_key": {"descriptor_key": key, "descriptor_value": value}})
    tier = [] if limit.tiers is None else [_tier(limit.tiers)]
    for name in limited.hosts:
        host = _headers("app", limited.name, *_host(name))
        yield {"actions": [host, *tier, *of_client]}
        for tool in limit.tools:
            for call in _calls(tool, limited.mcp_path_pattern or ""):
                yield {"actions": [host, call, *of_client]}


def _part(limited: Limited) -> Iterator[tuple[str, str]]:
    """What tells a limit from itself in another object: while it moves both have it, and Envoy refuses a filter with
    two descriptors that are the same. The service has its limits once."""
    if limited.part > 1 and limited.limit.counted != "global":
        yield "part", str(limited.part)


def _host(name: str) -> Iterator[dict[str, Any]]:
    """Every request is asked about the hosts of all apps; what begins otherwise costs no regular expression."""
    yield {"name": ":authority", "string_match": {"prefix": name, "ignore_case": True}}
    yield _header(":authority", envoy_patches.host_pattern([name]))


_CLIENT: Mapping[str, tuple[str, ...]] = {
    "subject": ("iss", "sub"),
    "address": ("masked_remote_address",),
    "app": (),
}
"""Keys of the entries that say from whom a request is."""


def _client_actions(limit: RateLimitSpec) -> list[dict[str, Any]]:
    match limit.per:
        case "app":
            return []
        case "address":
            # A household has a /64 of IPv6, and could send each request from another address of it.
            return [{"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}]
        case "subject":
            return [
                {
                    "metadata": {
                        "descriptor_key": claim,
                        "source": "DYNAMIC",
                        "metadata_key": {"key": envoy_patches.JWT_METADATA, "path": envoy_patches.claim_path(claim)},
                    }
                }
                for claim in ("iss", "sub")
            ]


def _tier(tiers: TiersSpec) -> dict[str, Any]:
    """The first tier that the verified claim names; an expression, since Envoy's other actions read text alone, and a
    claim may be a list."""
    filter_ = _quoted(envoy_patches.JWT_METADATA)
    token = f'metadata.filter_metadata[{filter_}]["payload"]'
    claim = f"{token}[{_quoted(tiers.claim)}]"
    found = _quoted(NO_TIER)
    for value in reversed(tiers.requests):
        text = _quoted(value)
        found = f"((type({claim}) == list ? ({text} in {claim}) : ({claim} == {text})) ? {text} : {found})"
    # What is not there is an error of the expression, and an error counts for nothing at all.
    there = (
        f"({filter_} in metadata.filter_metadata)",
        f'("payload" in metadata.filter_metadata[{filter_}])',
        f"({_quoted(tiers.claim)} in {token})",
    )
    message = "envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor"
    fields = {"descriptor_key": "tier", "text": f"({' && '.join(there)}) ? {found} : {_quoted(NO_TIER)}"}
    return {
        "extension": {
            "name": "envoy.rate_limit_descriptors.expr",
            "typed_config": envoy_patches.typed(message, fields),
        }
    }


def _quoted(text: str) -> str:
    """A string of CEL, which takes every character as it is but quotes and backslashes; none of these is in a claim."""
    return f'"{text}"'


def _calls(tool: str, path_pattern: str) -> Iterator[dict[str, Any]]:
    """Calls that are of this tool, or do not say in a way that a server is bound to what they are of."""
    post = (_header(":method", "POST"), _header(":path", rf"{path_pattern}(\?.*)?"))
    version = "|".join(re.escape(known) for known in MODERN_VERSIONS)
    yield _headers("tool", tool, *post, _header("mcp-protocol-version", anything_but(MODERN_VERSIONS)))
    yield _headers(
        "tool",
        tool,
        *post,
        _header("mcp-protocol-version", version),
        _header("mcp-method", "tools/call|(.*[^A-Za-z/_].*)?"),
        _header("mcp-name", rf"{re.escape(tool)}|(.*[^A-Za-z0-9_.-].*)?"),
    )


def _headers(key: str, value: str, *headers: dict[str, Any]) -> dict[str, Any]:
    return {"header_value_match": {"descriptor_key": key, "descriptor_value": value, "headers": list(headers)}}


def _header(name: str, pattern: str) -> dict[str, Any]:
    """A header that as a whole fits a pattern; one that is not there is empty."""
    found: dict[str, Any] = {"name": name, "string_match": {"safe_regex": {"regex": pattern}}}
    return found if name.startswith(":") else {**found, "treat_missing_header_as_empty": True}
