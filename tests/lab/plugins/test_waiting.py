"""The Kubernetes stand-in waits until an object is ready or gone, and says why it is not."""

from __future__ import annotations

import signal
import time

import pytest

pytestmark = pytest.mark.lab


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
