"""The Kubernetes stand-in under Pulumi's real engine: single objects through their life."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.lab


def test_an_object_lives_through_create_no_change_update_and_delete(project, api_server) -> None:
    namespace = api_server.namespace("life")
    program = """
        account = k8s.core.v1.ServiceAccount("account", metadata={{"name": "account", "namespace": "{namespace}",
            "labels": {{"team": "{team}"}}}})
        pulumi.export("uid", account.metadata.uid)
    """
    assert project.preview(program.format(namespace=namespace, team="a")).steps == {"account": "create"}
    assert not api_server.exists("serviceaccount", "account", namespace)

    assert project.up().steps == {"account": "create"}
    live = api_server.get("serviceaccount", "account", namespace)
    assert live["metadata"]["labels"] == {"team": "a"}
    assert project.outputs()["uid"] == live["metadata"]["uid"]

    assert project.up().steps == {"account": "same"}

    planned = project.preview(program.format(namespace=namespace, team="b"))
    assert planned.steps == {"account": "update"}
    assert list(planned.metadata("account")["detailedDiff"]) == ["metadata.labels.team"]
    project.up()
    after = api_server.get("serviceaccount", "account", namespace)
    assert after["metadata"]["labels"] == {"team": "b"}
    assert after["metadata"]["uid"] == live["metadata"]["uid"]

    project.destroy()
    assert not api_server.exists("serviceaccount", "account", namespace)
