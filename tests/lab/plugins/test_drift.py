"""The Kubernetes stand-in where others change the objects too: drift, conflicts, and what is left to them."""

from __future__ import annotations

import json
import re
import textwrap

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

    label = ("label", "-n", namespace, "--overwrite", "--field-manager=another-team", "resourcequota", "quota")
    api_server.kubectl(*label, "added-by=somebody")
    assert project.refresh().changes == {"same": 2}, "a field that the program does not set is no drift"

    api_server.kubectl(*label, "team=b")
    assert project.refresh().changes == {"same": 1, "update": 1}
    planned = project.preview(fails=True)
    assert list(planned.metadata("quota")["detailedDiff"]) == ["metadata.labels.team"]
    assert ".metadata.labels.team" in planned.output
    assert '"another-team"' in planned.output

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


def test_one_object_that_another_holds_keeps_nobody_from_the_rest(project, api_server) -> None:
    namespace = api_server.namespace("held")
    program = """
        for name in ("held", "free"):
            k8s.core.v1.ConfigMap(name, metadata={{"name": name, "namespace": "%s"}}, data={{"key": "{value}"}},
                opts=pulumi.ResourceOptions(provider=provider))
    """.replace("%s", namespace)
    program = 'provider = k8s.Provider("provider", enable_config_map_mutable=True)\n' + textwrap.dedent(program)
    project.up(program.format(value="one"))
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": namespace}}
    api_server.kubectl(
        "apply", "--server-side", "--force-conflicts", "--field-manager=another-team", "-f", "-",
        stdin=json.dumps({**theirs, "data": {"key": "theirs"}}),
    )  # fmt: skip
    project.program(program.format(value="two"))
    ended = project.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", fails=True)
    (way_out,) = re.findall(r"--target '(urn:[^']+::held)'", "\n".join(ended.errors))
    assert api_server.get("configmap", "held", namespace)["data"] == {"key": "theirs"}
    assert api_server.get("configmap", "free", namespace)["data"] == {"key": "two"}

    project.environment["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
    project.pulumi("up", "--yes", "--skip-preview", "--target", way_out)
    assert api_server.get("configmap", "held", namespace)["data"] == {"key": "two"}


def test_what_a_hand_has_changed_is_as_declared_after_the_next_change(project, api_server) -> None:
    namespace = api_server.namespace("hand")
    project.up(QUOTA.format(namespace=namespace, annotations=""))
    patch = '{"spec":{"hard":{"pods":"99"}}}'
    api_server.kubectl("patch", "resourcequota", "quota", "-n", namespace, "--type=merge", "-p", patch)
    declared = QUOTA.format(namespace=namespace, annotations='"a": "b"')
    assert project.preview(declared).steps == {"quota": "update"}
    project.up()
    live = api_server.get("resourcequota", "quota", namespace)
    assert live["spec"]["hard"]["pods"] != "99"
    managers = [one["manager"] for one in api_server.get_managed("resourcequota", "quota", namespace)]
    assert not any(name.startswith("kubectl") for name in managers)


def test_an_object_that_pulumis_own_plugin_has_created_is_gone_on_with(project, api_server) -> None:
    """It creates without server-side apply; here the same entry is written by hand."""
    namespace = api_server.namespace("exchange")
    project.up(QUOTA.format(namespace=namespace, annotations=""))
    fields = api_server.get_managed("resourcequota", "quota", namespace)
    for one in fields:
        if not one.get("subresource"):
            one.update(manager="pulumi-kubernetes", operation="Update")
    patch = json.dumps([{"op": "replace", "path": "/metadata/managedFields", "value": fields}])
    api_server.kubectl("patch", "resourcequota", "quota", "-n", namespace, "--type=json", "-p", patch)
    declared = QUOTA.format(namespace=namespace, annotations='"a": "b"').replace("pods", "secrets")
    assert project.preview(declared).steps == {"quota": "update"}
    project.up()
    live = api_server.get("resourcequota", "quota", namespace)
    assert list(live["spec"]["hard"]) == ["cpu", "secrets"], "a field that is no longer declared goes"
    assert project.up().steps == {"quota": "same"}
    assert project.state()["quota"]["outputs"]["__inputs"] == project.state()["quota"]["inputs"]


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
