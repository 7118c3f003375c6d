"""The Kubernetes stand-in where others change the objects too: drift, conflicts, and what is left to them."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.lab


QUOTA = """
    k8s.core.v1.ResourceQuota("quota", metadata={{"name": "quota", "namespace": "{namespace}",
        "labels": {{"team": "a"}}, "annotations": {{{annotations}}}}}, spec={{"hard": {{"cpu": "2000m", "pods": 5}}}})
"""


def test_drift_shows_after_a_refresh_and_a_conflict_names_field_and_owner(project, api_server) -> None:
    namespace = api_server.namespace("drift")
    project.up(QUOTA.format(namespace=namespace, annotations=""))
    assert project.refresh().changes == {"same": 2}, "a quantity that is stored in another spelling is no drift"

    api_server.kubectl("label", "-n", namespace, "resourcequota", "quota", "added-by=somebody")
    assert project.refresh().changes == {"same": 2}, "a field that the program does not set is no drift"

    api_server.kubectl("label", "-n", namespace, "--overwrite", "resourcequota", "quota", "team=b")
    assert project.refresh().changes == {"same": 1, "update": 1}
    planned = project.preview(fails=True)
    assert list(planned.metadata("quota")["detailedDiff"]) == ["metadata.labels.team"]
    assert ".metadata.labels.team" in planned.output
    assert '"kubectl-label"' in planned.output

    forced = QUOTA.format(namespace=namespace, annotations='"pulumi.com/patchForce": "true"')
    project.up(forced)
    labels = api_server.get("resourcequota", "quota", namespace)["metadata"]["labels"]
    assert labels == {"team": "a", "added-by": "somebody"}


def test_an_object_deleted_by_hand_is_gone_after_a_refresh_and_comes_back(project, api_server) -> None:
    namespace = api_server.namespace("gone")
    project.up(QUOTA.format(namespace=namespace, annotations=""))
    api_server.kubectl("delete", "-n", namespace, "resourcequota", "quota")
    assert project.refresh().changes["delete"] == 1
    assert project.up().steps == {"quota": "create"}


def test_two_managers_cannot_both_own_a_field(project, api_server) -> None:
    namespace = api_server.namespace("conflict")
    metadata = {"name": "shared", "namespace": namespace}
    manifest = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "theirs"}})
    api_server.kubectl("apply", "--server-side", "--field-manager=another-team", "-f", "-", stdin=manifest)
    program = """
        provider = k8s.Provider("provider", upsert_existing_objects={upsert})
        k8s.core.v1.ConfigMap("shared", metadata={{"name": "shared", "namespace": "%s"}}, data={{"key": "ours"}},
            opts=pulumi.ResourceOptions(provider=provider))
    """.replace("%s", namespace)
    exists = project.preview(program.format(upsert=False), fails=True)
    assert "already exists" in exists.output
    assert "upsert_existing_objects" in exists.output
    assert "already exists" in project.up(fails=True).output

    conflict = project.up(program.format(upsert=True), fails=True)
    assert '"another-team"' in conflict.output
    assert ".data.key" in conflict.output
    assert api_server.get("configmap", "shared", namespace)["data"] == {"key": "theirs"}


def test_ignored_changes_follow_the_live_value(project, api_server) -> None:
    namespace = api_server.namespace("ignored")
    program = """
        k8s.core.v1.ResourceQuota("quota", metadata={{"name": "quota", "namespace": "%s",
            "labels": {{"team": "{team}"}}}}, spec={{"hard": {{"pods": {pods}}}}},
            opts=pulumi.ResourceOptions(ignore_changes=["spec.hard.pods"]))
    """.replace("%s", namespace)
    project.up(program.format(team="a", pods=5))
    patch = '{"spec":{"hard":{"pods":"7"}}}'
    api_server.kubectl("patch", "resourcequota", "quota", "-n", namespace, "--type=merge", "-p", patch)
    project.up(program.format(team="b", pods=6))
    live = api_server.get("resourcequota", "quota", namespace)
    assert live["spec"]["hard"]["pods"] == "7"
    assert live["metadata"]["labels"] == {"team": "b"}
