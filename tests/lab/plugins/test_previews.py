"""What the Kubernetes stand-in says in a preview: unknown values, refusals, and what is planned but not there."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.lab


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


def test_a_preview_takes_no_lock_and_leaves_the_state_as_it_is(project, api_server) -> None:
    """So that the account of pull requests may only read the bucket (docs/deploy.md)."""
    namespace = api_server.namespace("only-read")
    program = """
        k8s.core.v1.ConfigMap("config", metadata={{"name": "config", "namespace": "{}"}}, data={{"a": "{}"}})
    """
    project.up(program.format(namespace, "before"))
    state = project.directory / "state"

    def written() -> dict[str, int]:
        """When each file and directory was last written, a lock that is gone again included."""
        return {str(one.relative_to(state)): one.stat().st_mtime_ns for one in state.rglob("*")}

    before = written()
    assert "config" in project.preview(program.format(namespace, "after")).steps
    assert written() == before
    assert project.up(program.format(namespace, "after")).status == 0
    assert written() != before
