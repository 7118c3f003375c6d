"""The Kubernetes stand-in under Pulumi's real engine: single objects through their life, and a resource's options."""

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


ROLE_BINDING = """
    k8s.rbac.v1.RoleBinding("binding", metadata={{"name": "binding", "namespace": "{namespace}"}},
        role_ref={{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "{role}"}},
        subjects=[{{"kind": "User", "name": "somebody", "apiGroup": "rbac.authorization.k8s.io"}}])
"""


def test_a_field_that_the_api_server_calls_immutable_replaces_the_object(project, api_server) -> None:
    namespace = api_server.namespace("immutable")
    project.up(ROLE_BINDING.format(namespace=namespace, role="view"))
    before = api_server.get("rolebinding", "binding", namespace)["metadata"]["uid"]

    planned = project.preview(ROLE_BINDING.format(namespace=namespace, role="edit"))
    assert planned.changes == {"replace": 1, "same": 1}
    assert planned.metadata("binding")["detailedDiff"]["roleRef.name"]["diffKind"] == "update-replace"

    project.up()
    after = api_server.get("rolebinding", "binding", namespace)
    assert after["roleRef"]["name"] == "edit"
    assert after["metadata"]["uid"] != before


def test_another_name_is_another_object_and_the_new_one_comes_first(project, api_server) -> None:
    namespace = api_server.namespace("name")
    program = """
        k8s.core.v1.ServiceAccount("account", metadata={{"name": "{name}", "namespace": "%s"}})
    """.replace("%s", namespace)
    project.up(program.format(name="old"))
    changed = project.up(program.format(name="new"))
    operations = [
        event["resourcePreEvent"]["metadata"]["op"]
        for event in changed.events
        if "resourcePreEvent" in event and "ServiceAccount" in event["resourcePreEvent"]["metadata"]["type"]
    ]
    assert operations == ["create-replacement", "replace", "delete-replaced"]
    assert not api_server.exists("serviceaccount", "old", namespace)
    assert api_server.exists("serviceaccount", "new", namespace)


def test_an_unnamed_object_gets_a_name_and_keeps_it(project, api_server) -> None:
    namespace = api_server.namespace("unnamed")
    program = """
        account = k8s.core.v1.ServiceAccount("account", metadata={{"namespace": "%s", "labels": {{"team": "{team}"}}}})
        pulumi.export("name", account.metadata.name)
    """.replace("%s", namespace)
    project.up(program.format(team="a"))
    name = project.outputs()["name"]
    assert name.startswith("account-")
    assert project.up(program.format(team="b")).steps == {"account": "update"}
    assert project.outputs()["name"] == name


def test_an_alias_keeps_the_object_and_retain_on_delete_leaves_it(project, api_server) -> None:
    namespace = api_server.namespace("retain")
    program = """
        k8s.core.v1.ConfigMap("{name}", metadata={{"name": "kept", "namespace": "%s"}}, data={{}},
            opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="before")], retain_on_delete=True))
    """.replace("%s", namespace)
    project.up(program.format(name="before"))
    assert project.up(program.format(name="after")).changes == {"same": 2}
    project.destroy()
    assert api_server.exists("configmap", "kept", namespace)


def test_a_protected_object_is_not_deleted(project, api_server) -> None:
    namespace = api_server.namespace("protect")
    program = """
        k8s.core.v1.ConfigMap("held", metadata={{"name": "held", "namespace": "%s"}}, data={{}},
            opts=pulumi.ResourceOptions(protect={protect}))
    """.replace("%s", namespace)
    project.up(program.format(protect=True))
    assert "protect" in project.destroy(fails=True).output
    assert api_server.exists("configmap", "held", namespace)
    project.up(program.format(protect=False))
    project.destroy()
    assert not api_server.exists("configmap", "held", namespace)


def test_an_object_that_pulumi_does_not_manage_can_be_read(project, api_server) -> None:
    namespace = api_server.namespace("read")
    api_server.kubectl("create", "configmap", "theirs", "-n", namespace, "--from-literal=key=value")
    program = """
        found = k8s.core.v1.ConfigMap.get("found", "{id}")
        pulumi.export("data", found.data)
    """
    project.up(program.format(id=f"{namespace}/theirs"))
    assert project.outputs() == {"data": {"key": "value"}}
    project.preview(program.format(id=f"{namespace}/nobodys"), fails=True)
    project.destroy()
    assert api_server.exists("configmap", "theirs", namespace)


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        ('k8s.helm.v3.Release("r", chart="c")', "helm.sh/v3:Release is not in the lab's stand-in"),
        ('k8s.yaml.v2.ConfigGroup("g", yaml="")', "yaml/v2:ConfigGroup is not in the lab's stand-in"),
        ('k8s.core.v1.ConfigMapPatch("p", metadata={"name": "x"})', "ConfigMapPatch is not in the lab's stand-in"),
    ],
)
def test_what_is_not_offered_is_refused_in_a_sentence(project, resource: str, sentence: str) -> None:
    assert sentence in project.preview(resource, fails=True).output
