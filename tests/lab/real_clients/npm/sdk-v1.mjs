// node sdk-v1.mjs URL TOOL: the TypeScript SDK of the legacy era.
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Login, connected } from "./login.mjs";

const [url, tool] = process.argv.slice(2);
const login = await Login.listening();
const client = new Client({ name: "typescript-v1", version: "1" });
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: login });
await connected(client, transport, login, UnauthorizedError);
console.log(JSON.stringify(await client.callTool({ name: tool, arguments: {} })));
await client.close();
