import * as pulumi from "@pulumi/pulumi";
import * as mesh from "@pulumi/chatgpt-mesh";

export function weather(cluster: pulumi.ProviderResource): pulumi.Output<string | undefined> {
    const app = new mesh.App("weather", {
        namespace: "weather",
        host: "weather.example.com",
        gateway: "public",
        service: { port: 8080 },
        mcp: { path: "/mcp" },
        versions: { v1: {}, v2: {} },
        rollout: { stable: "v1", canary: { version: "v2", percent: 5 } },
        auth: { issuers: [{ issuer: "https://auth.example.com", jwksUri: "https://auth.example.com/jwks.json" }] },
        rateLimit: { per: "subject", requests: 60, every: "60s", counted: "replica" },
    }, { providers: [cluster] });
    return app.mcpUrl;
}
