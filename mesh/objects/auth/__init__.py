"""The way of a token through a gateway, from `apps.NAME.auth` (`mesh.specs.auth`) to the answers that a client gets.

In the order in which a request meets them:

1. `verification`: one RequestAuthentication per gateway verifies the tokens of all its issuers. A token that does not
   verify is answered **401** by the proxy itself, which the gateway's connection manager gives the challenge.
2. `denials`: one DENY policy per app and gateway answers **403** to foreign origins and denied subjects (and, where
   Flagger makes the routes, to whatever lacks the declared claims).
3. `tool_rules` (tools that a header names) or `calls` (calls that the body makes), and the claims and scopes of the
   host's routes (`mesh.objects.host_routes`): routes that answer **403**
   with the scope to ask for.
4. `claims`: the routes that lead on to the app match issuer, audience, subject and an expiry.
5. `challenge`: whatever is left on a guarded path is answered **401**: `no-token` where there was none,
   `invalid-token` where the token is of another issuer or audience, or never expires.

So a 401 has three sources: a signature or date (1), no token (5), the wrong token (5). Each answers with the challenge
of RFC 9728, and the access log's `route_name` and `response_code_details` say which it was.
"""
