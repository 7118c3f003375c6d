"""A whole mesh, as rules read it."""

from __future__ import annotations

from meshlint.view.gateway_workloads import GatewayWorkloads
from meshlint.view.mcp_servers import McpServers
from meshlint.view.mesh_config import MeshSettings
from meshlint.view.policies import Policies


class MeshView(MeshSettings, GatewayWorkloads, McpServers, Policies):
    """All objects of a run, indexed by what rules ask for. Indexes are built on first use, each in one pass."""
