"""The Kubernetes stand-in under Pulumi's real engine: single objects through their life."""

from __future__ import annotations

import json
import signal
import time

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


def test_what_only_the_server_decides_is_unknown_in_a_preview(project, api_server) -> None:
    namespace = api_server.namespace("unknown")
    program = f"""
        service = k8s.core.v1.Service("service", metadata={{"name": "service", "namespace": "{namespace}"}},
            spec={{"ports": [{{"port": 80}}]}})
        k8s.core.v1.ConfigMap("config", metadata={{"name": "config", "namespace": "{namespace}"}},
            data={{"uid": service.metadata.uid, "address": service.spec.cluster_ip}})
        pulumi.export("address", service.spec.cluster_ip)
        service.spec.cluster_ip.apply(lambda address: print("address seen:", address))
    """
    planned = project.preview(program)
    assert planned.steps == {"service": "create", "config": "create"}
    assert "address seen" not in planned.output
    project.up()
    live = api_server.get("service", "service", namespace)
    data = api_server.get("configmap", "config", namespace)["data"]
    assert data == {"uid": live["metadata"]["uid"], "address": live["spec"]["clusterIP"]}
    assert project.outputs() == {"address": live["spec"]["clusterIP"]}
    assert project.preview().changes == {"same": 3}


POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {namespace}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}}]
  validations: [{{expression: "!('forbidden' in object.data)", message: "the key forbidden has no place here"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {namespace}}}
spec: {{policyName: {namespace}, validationActions: [Deny]}}
"""


def test_what_admission_refuses_is_refused_in_the_preview_with_its_reason(project, api_server) -> None:
    namespace = api_server.namespace("admission")
    api_server.kubectl("apply", "-f", "-", stdin=POLICY.format(namespace=namespace))
    program = f"""
        k8s.core.v1.ConfigMap("config", metadata={{"name": "config", "namespace": "{namespace}"}},
            data={{"forbidden": "value"}})
    """
    project.program(program)
    deadline = time.monotonic() + 20  # the API server takes a moment to see a new policy
    while True:
        result = project.run("preview")
        if result.status != 0 or time.monotonic() > deadline:
            break
    assert result.status != 0
    assert f"ConfigMap {namespace}/config" in result.output
    assert "the key forbidden has no place here" in result.output


def test_a_planned_namespace_is_no_trouble_and_a_missing_one_is_said(project, api_server) -> None:
    program = """
        namespace = k8s.core.v1.Namespace("namespace", metadata={"name": "planned-namespace"})
        k8s.core.v1.ConfigMap("config", metadata={"name": "config", "namespace": namespace.metadata.name}, data={})
    """
    assert "neither exists nor is planned" not in project.preview(program).output
    project.up()
    project.destroy()
    assert not api_server.exists("namespace", "planned-namespace"), "the deletion of a Namespace is waited for"
    missing = project.preview("""
        k8s.core.v1.ConfigMap("config", metadata={"name": "config", "namespace": "nowhere"}, data={})
    """)
    assert "namespace nowhere of ConfigMap nowhere/config neither exists nor is planned" in missing.output


DEFINITION = """
    definition = k8s.apiextensions.v1.CustomResourceDefinition("definition", metadata={"name": "widgets.example.com"},
        spec={"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "size": {"type": "integer"}}}}}}}]})
    k8s.apiextensions.CustomResource("widget", api_version="example.com/v1", kind="Widget",
        metadata={"name": "widget"}, spec={"size": 3}, opts=pulumi.ResourceOptions(depends_on=[definition]))
"""


def test_a_custom_resource_and_its_definition_come_in_one_update(project, api_server) -> None:
    planned = project.preview(DEFINITION)
    assert planned.steps == {"definition": "create", "widget": "create"}
    assert "serves no Widget" not in planned.output
    project.up()
    assert api_server.get("widgets.example.com", "widget")["spec"] == {"size": 3}, "a whole number stays one"
    assert project.preview().changes == {"same": 3}

    misspelt = (
        DEFINITION
        + """
    k8s.apiextensions.CustomResource("misspelt", api_version="example.com/v1", kind="Widget",
        metadata={"name": "misspelt"}, spec={"sizze": 3})
    """
    )
    refused = project.preview(misspelt, fails=True)
    assert ".spec.sizze: field not declared in schema" in refused.output
    project.destroy()


def test_a_kind_that_nobody_defines_is_said_in_the_preview_and_fails_the_update(project) -> None:
    program = """
        k8s.apiextensions.CustomResource("gadget", api_version="example.com/v1", kind="Gadget", metadata={"name": "g"})
    """
    assert "serves no Gadget in example.com/v1" in project.preview(program).output
    failed = project.up(fails=True)
    assert "serves no Gadget in example.com/v1. Verify that any required CRDs have been created" in failed.output


DEPLOYMENT = """
    k8s.apps.v1.Deployment("deployment", metadata={{"name": "deployment", "namespace": "{namespace}",
        "annotations": {{{annotations}}}}}, spec={{"selector": {{"matchLabels": {{"app": "a"}}}}, "template": {{
            "metadata": {{"labels": {{"app": "a"}}}}, "spec": {{"containers": [{{"name": "c", "image": "i"}}]}}}}}},
        opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="2s", update="2s")))
"""


def test_an_object_that_does_not_become_ready_is_kept_in_state_and_said(project, api_server) -> None:
    namespace = api_server.namespace("waiting")
    failed = project.up(DEPLOYMENT.format(namespace=namespace, annotations=""), fails=True)
    assert f"Deployment {namespace}/deployment is not ready within 2 s" in failed.output
    assert project.state()["deployment"]["initErrors"]
    skipped = DEPLOYMENT.format(namespace=namespace, annotations='"pulumi.com/skipAwait": "true"')
    assert project.up(skipped).steps == {"deployment": "update"}
    assert "initErrors" not in project.state()["deployment"]


def test_ctrl_c_ends_a_wait_and_keeps_what_was_made(project, api_server) -> None:
    namespace = api_server.namespace("cancel")
    text = DEPLOYMENT.format(namespace=namespace, annotations="").replace("2s", "10m")
    project.program(text)
    with project.start("up", "--yes", "--skip-preview") as process:
        deadline = time.monotonic() + 30
        while not api_server.exists("deployment", "deployment", namespace):
            assert time.monotonic() < deadline
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert time.monotonic() - begun < 15
    assert process.returncode != 0
    assert f"the wait for Deployment {namespace}/deployment was stopped" in output
    assert project.state()["deployment"]["id"] == f"{namespace}/deployment"
    assert "is not ready" in project.refresh().output
    project.destroy()


def test_a_deletion_that_a_finalizer_holds_up_names_it(project, api_server) -> None:
    namespace = api_server.namespace("finalizer")
    project.up(f"""
        k8s.core.v1.ConfigMap("config", metadata={{"name": "config", "namespace": "{namespace}",
            "finalizers": ["example.com/hold"]}}, data={{}},
            opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(delete="1s")))
    """)
    failed = project.destroy(fails=True)
    assert (
        f"ConfigMap {namespace}/config is still there after 1 s: finalizers are left: example.com/hold" in failed.output
    )
    api_server.kubectl(
        "patch", "configmap", "config", "-n", namespace, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )
    project.destroy()


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
