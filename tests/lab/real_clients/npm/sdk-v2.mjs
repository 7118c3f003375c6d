// node sdk-v2.mjs URL TOOL MODE: the TypeScript SDK that speaks both eras; MODE is legacy, auto or a version.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from "@modelcontextprotocol/client";
import { Login, connected } from "./login.mjs";

const [url, tool, mode] = process.argv.slice(2);
const login = await Login.listening();
const named = mode === "legacy" || mode === "auto";
const client = new Client(
  { name: "typescript-v2", version: "2" },
  { versionNegotiation: { mode: named ? mode : { pin: mode } } },
);
const transport = () => new StreamableHTTPClientTransport(new URL(url), { authProvider: login });
await connected(client, transport, login, UnauthorizedError);
console.log(JSON.stringify(await client.callTool({ name: tool, arguments: {} })));
await client.close();
