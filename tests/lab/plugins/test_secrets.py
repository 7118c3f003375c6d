"""The Kubernetes stand-in keeps a secret out of state, output and messages."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.lab


CANARY = "c4nary-s3cret"


def test_a_secret_is_nowhere_in_clear_but_in_the_cluster(project, api_server) -> None:
    namespace = api_server.namespace("secret")
    program = f"""
        value = pulumi.Output.secret("{CANARY}")
        ns = {{"namespace": "{namespace}"}}
        k8s.core.v1.Secret("secret", metadata={{**ns, "name": "secret"}}, string_data={{"password": "{CANARY}-plain"}})
        k8s.core.v1.ConfigMap("config", metadata={{**ns, "name": "config", "annotations": {{"note": value}}}},
            data={{"file": pulumi.Output.concat("password=", value), "plain": "visible"}})
    """
    planned = project.preview(program, diff=True)
    applied = project.up()
    project.refresh()
    state = "".join(path.read_text() for path in (project.directory / "state").rglob("*.json"))
    encoded = "YzRuYXJ5LXMzY3JldC1wbGFpbg"
    for text in (planned.output, applied.output, state):
        assert CANARY not in text
        assert encoded not in text
    assert "visible" in state
    assert api_server.get("configmap", "config", namespace)["data"]["file"] == f"password={CANARY}"
    assert api_server.get("secret", "secret", namespace)["data"]["password"].startswith(encoded)
    assert project.preview().changes == {"same": 3}


def test_a_refusal_does_not_repeat_a_secret(project, api_server) -> None:
    namespace = api_server.namespace("refusal")
    outcome = project.preview(
        f"""
        k8s.core.v1.Service("service", metadata={{"name": "service", "namespace": "{namespace}"}}, spec={{
            "type": "ExternalName", "external_name": pulumi.Output.secret("{CANARY}_x")}})
        """,
        fails=True,
    )
    assert "spec.externalName" in outcome.output
    assert CANARY not in outcome.output
