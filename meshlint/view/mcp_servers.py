"""Which hosts serve MCP, and at which path."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from meshlint.view.fields import text
from meshlint.view.gateway_api.programmed import Programmed

if TYPE_CHECKING:
    from meshlint.view.routing import HttpRoute


class McpServers(Programmed):
    """MCP servers, known by their routes and names."""

    @cached_property
    def mcp_hosts(self) -> frozenset[str]:
        """Hosts that serve MCP: a route says so by its path, or the name does by the word `mcp`."""
        declared = self.environment.mcp_servers
        if declared:
            return frozenset(declared)
        found: set[str] = set()
        for service in self.programmed_services:
            for route in service.http:
                if self._names_mcp_path(route):
                    found.update(service.fqdns)
                    found.update(destination.fqdn for destination in route.destinations)
            found.update(host for host in service.fqdns if says_mcp(host))
            found.update(
                target.fqdn for route in service.http for target in route.destinations if says_mcp(target.fqdn)
            )
        found.update(service.fqdn for service in self.services if says_mcp(service.fqdn))
        found.update(rule.fqdn for rule in self.destination_rules if says_mcp(rule.fqdn))
        found.discard("*")
        return frozenset(found)

    def _names_mcp_path(self, route: HttpRoute) -> bool:
        for match in route.matches:
            named = (text(match, "uri", kind) for kind in ("exact", "prefix", "pathPrefix"))
            if any(path.startswith(self.environment.mcp_paths) for path in named):
                return True
        return False

    def mcp_path_of(self, route: HttpRoute) -> str:
        """The MCP path that requests on this route may have, if an MCP server is behind it; else an empty string. A
        prefix has it no more where routes above keep it to themselves."""
        declared = self.environment.mcp_servers
        if declared:
            paths = (declared.get(destination.fqdn, "") for destination in route.destinations)
            return next((path for path in paths if path and _gets(route, path)), "")
        if not any(destination.fqdn in self.mcp_hosts for destination in route.destinations):
            return ""
        return next((path for path in self.environment.mcp_paths if _gets(route, path)), "")


def _gets(route: HttpRoute, path: str) -> bool:
    upstream = text(route.raw, "rewrite", "uri")
    if upstream and not f"{path}/".startswith(upstream):
        return False  # the server sees another path, whatever the client asked for
    return route.takes_path(path) and not route.is_taken_before(path)


def says_mcp(host: str) -> bool:
    return "mcp" in host.partition(".")[0].split("-")
