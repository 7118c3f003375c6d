"""Servers behind one endpoint: what their own hosts refuse, the joined endpoint refuses too, or the stack is none."""

from __future__ import annotations

import pytest

from tests.unit.mesh.declared import mistakes

ISSUERS = "issuers: [{issuer: https://auth.example.com, jwks_uri: https://auth.example.com/keys}]"
PLAIN = f"{{{ISSUERS}}}"
STRICT = f"{{{ISSUERS}, scopes: [use], claims: {{role: [user]}}, deny_subjects: [banned]}}"
AT = "apps.tools"


def joined(
    front: str | None = PLAIN,
    behind: str | None = PLAIN,
    *,
    joins: str = "{orders_: orders}",
    callers: str = "[{app: tools}]",
) -> list[str]:
    """`front` and `behind`: the `auth` of the joined endpoint and of the app behind; None: open to everybody."""
    return mistakes(
        apps=f"""
tools:
  namespace: tools
  host: tools.example.com
  gateway: public
  service: {{port: 8080}}
  mcp: {{joins: {joins}}}
  {"open: true" if front is None else f"auth: {front}"}
orders:
  namespace: orders
  host: orders.example.com
  gateway: public
  service: {{port: 8080}}
  mcp: {{}}
  callers: {callers}
  {"open: true" if behind is None else f"auth: {behind}"}
stock: {{namespace: stock, service: {{port: 8080}}}}
"""
    )


def with_auth(further: str, auth: str = PLAIN) -> str:
    return f"{auth[:-1]}, {further}}}"


class TestTheServersBehind:
    def test_an_app_of_the_stack_that_lets_it_in_is_joined(self):
        assert joined() == []

    def test_one_that_does_not_let_it_in_would_answer_403(self):
        [sentence] = joined(callers="[]")
        assert sentence == (
            f"{AT}.mcp.joins.orders_: does not let this app in; add {{app: tools}} to apps.orders.callers "
            "(given: 'orders')"
        )

    @pytest.mark.parametrize(
        ("joins", "said"),
        [
            ("{x_: nobody}", f"{AT}.mcp.joins.x_: is not an app of this stack"),
            ("{x_: tools}", f"{AT}.mcp.joins.x_: is this app itself"),
            ("{x_: stock}", f"{AT}.mcp.joins.x_: is an app without mcp"),
            ("{o_: orders, o_r_: orders}", f"{AT}.mcp.joins.o_r_: begins with o_, another prefix"),
        ],
    )
    def test_what_cannot_be_joined(self, joins: str, said: str):
        [sentence] = joined(joins=joins)
        assert sentence.startswith(said)


class TestRulesOfTheirOwn:
    GUARDED = with_auth("tools: {sql: {scope: run}}")

    def test_a_guarded_tool_is_guarded_under_its_prefixed_name_too(self):
        [sentence] = joined(PLAIN, self.GUARDED)
        assert sentence == (
            f"{AT}.auth.tools.orders_sql: is missing; apps.orders.auth.tools.sql asks for a scope, and through this "
            "app the tool would run without: add {scope: run}"
        )
        assert joined(with_auth("tools: {orders_sql: {scope: run}}"), self.GUARDED) == []

    @pytest.mark.parametrize("tool", ["sql", "orderssql", "orders__sql"])
    def test_another_name_is_another_tool(self, tool: str):
        assert len(joined(with_auth(f"tools: {{{tool}: {{scope: run}}}}"), self.GUARDED)) == 1

    def test_it_asks_for_the_same_scope(self):
        [sentence] = joined(with_auth("tools: {orders_sql: {scope: walk}}"), self.GUARDED)
        assert sentence.startswith(f"{AT}.auth.tools.orders_sql.scope: is another one than apps.orders.auth.tools.sql")

    def test_tokens_need_what_they_need_there(self):
        assert [sentence.partition(":")[0] for sentence in joined(PLAIN, STRICT)] == [
            f"{AT}.auth.issuers.0.scopes",
            f"{AT}.auth.issuers.0.claims.role",
            f"{AT}.auth.deny_subjects",
        ]
        assert joined(STRICT, STRICT) == []

    def test_a_claim_may_be_narrower_and_not_wider(self):
        assert joined(with_auth("claims: {role: [user]}"), with_auth("claims: {role: [user, admin]}")) == []
        assert len(joined(with_auth("claims: {role: [user, guest]}"), with_auth("claims: {role: [user]}"))) == 1

    def test_an_issuer_that_they_do_not_know_opens_none_of_their_tools(self):
        other = ISSUERS.replace("auth.example.com", "other.example.com")
        [sentence] = joined(f"{{{other}}}", PLAIN)
        assert sentence.startswith(f"{AT}.auth.issuers.0.issuer: is none of apps.orders")

    def test_an_open_endpoint_opens_no_app_that_asks_for_tokens(self):
        [sentence] = joined(None, PLAIN)
        assert sentence.startswith(f"{AT}.auth: is missing, and apps.orders")
        assert joined(None, None) == []

    def test_a_call_without_a_token_is_one_there_as_well(self):
        anonymous = "anonymous: {methods: [initialize, tools/list], tools: [orders_search, own]}"
        assert [sentence.partition(":")[0] for sentence in joined(with_auth(anonymous), PLAIN)] == [
            f"{AT}.auth.anonymous.methods",
            f"{AT}.auth.anonymous.tools",
        ]
        theirs = with_auth("anonymous: {tools: [search]}")
        assert joined(with_auth(anonymous), theirs) == []
