// What a program that uses the TypeScript SDKs writes itself: where tokens are kept, and how a person logs in.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { once } from "node:events";

export class Login {
  #server = createServer();
  #answer;

  static async listening() {
    const login = new Login();
    login.#answer = new Promise((resolve) => {
      login.#server.on("request", (request, response) => {
        response.end("You may close this window.");
        resolve(new URL(request.url, login.redirectUrl).searchParams);
      });
    });
    login.#server.listen(0, "127.0.0.1");
    await once(login.#server, "listening");
    login.redirectUrl = `http://127.0.0.1:${login.#server.address().port}/callback`;
    return login;
  }

  get clientMetadata() {
    return { client_name: "typescript", redirect_uris: [this.redirectUrl], token_endpoint_auth_method: "none" };
  }

  clientInformation() {
    return this.client;
  }

  saveClientInformation(client) {
    this.client = client;
  }

  tokens() {
    return this.saved;
  }

  saveTokens(tokens) {
    this.saved = tokens;
  }

  codeVerifier() {
    return this.verifier;
  }

  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }

  discoveryState() {
    return this.discovered;
  }

  saveDiscoveryState(discovered) {
    this.discovered = discovered;
  }

  redirectToAuthorization(url) {
    spawn(process.env.BROWSER, [url.href], { stdio: "inherit" });
  }

  /** The query with which the browser comes back. */
  async answer() {
    const query = await this.#answer;
    this.#server.close();
    return query;
  }
}

/** Connects twice where the first time ends in a login, as the SDKs' own examples do. */
export async function connected(client, transport, login, UnauthorizedError) {
  const first = transport();
  try {
    await client.connect(first);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await first.finishAuth((await login.answer()).get("code"));
    await client.connect(transport());
  }
}
