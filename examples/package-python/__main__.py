"""An MCP server for ChatGPT, on a cluster whose Istio and gateway somebody else runs."""

import pulumi
import pulumi_chatgpt_mesh as mesh
import pulumi_kubernetes as kubernetes

cluster = kubernetes.Provider("cluster", cluster_identifier="weather", enable_server_side_apply=True)
weather = mesh.App(
    "weather",
    namespace="weather",
    host="weather.example.com",
    gateway="public",
    service={"port": 8080},
    mcp={"path": "/mcp"},
    auth={"issuers": [{"issuer": "https://auth.example.com", "jwks_uri": "https://auth.example.com/jwks.json"}]},
    opts=pulumi.ResourceOptions(providers=[cluster]),
)
pulumi.export("mcp_url", weather.mcp_url)
