"""A stack whose cluster's endpoint turns unknown in a preview shows no delete that no `up` would do.

docs/adr/0007-one-stack-per-environment.md
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import pytest

from tests.lab.plugins.conftest import CHECKOUT

if TYPE_CHECKING:
    from tests.lab.plugins.conftest import ApiServer, Project

pytestmark = pytest.mark.lab

PROGRAM = """
import json, sys
sys.path.insert(0, {checkout!r})
from chatgpt_mesh.components.kubeconfig import known_or_recorded

kubeconfig = {kubeconfig!r}
{endpoint}
pulumi.export("dns_endpoint", endpoint)
server = {server}

def document(found):
    config = json.loads(kubeconfig)
    config["clusters"][0]["cluster"]["server"] = found
    return json.dumps(config)

cluster = k8s.Provider("cluster", kubeconfig=server.apply(document), cluster_identifier="test",
    enable_server_side_apply=True)
k8s.helm.v4.Chart("sample", chart="./sample", namespace="{namespace}", skip_await=True,
    opts=pulumi.ResourceOptions(provider=cluster))
"""

KNOWN = "endpoint = pulumi.Output.from_input({url!r})"
UNKNOWN = """
import pulumi_gcp as gcp
google = gcp.Provider("google", project="a-project", region="europe-west1")
topic = gcp.pubsub.Topic("topic", opts=pulumi.ResourceOptions(provider=google))
endpoint = topic.id.apply(lambda _: {url!r})
"""
RECORDED = 'known_or_recorded(endpoint, "dns_endpoint")'

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: red}
"""


@pytest.fixture
def program(project: Project, api_server: ApiServer):
    namespace = api_server.namespace("endpoint")
    templates = project.directory / "sample" / "templates"
    templates.mkdir(parents=True)
    (templates.parent / "Chart.yaml").write_text("apiVersion: v2\nname: sample\nversion: 1.0.0\n")
    (templates / "settings.yaml").write_text(textwrap.dedent(CONFIG_MAP))

    def write(endpoint: str, server: str) -> None:
        text = PROGRAM.format(
            checkout=str(CHECKOUT),
            kubeconfig=json.dumps(json.loads(api_server.kubeconfig.read_text())),
            endpoint=endpoint.format(url=api_server.url),
            server=server,
            namespace=namespace,
        )
        project.program(text)

    return write


def deleted(project: Project) -> list[str]:
    return [name for name, step in project.preview().steps.items() if step == "delete"]


def test_the_recorded_endpoint_stands_in_for_one_that_the_preview_does_not_know(project: Project, program) -> None:
    program(KNOWN, RECORDED)
    project.up()
    assert deleted(project) == []
    program(UNKNOWN, RECORDED)
    assert deleted(project) == []


def test_without_it_every_object_of_every_chart_is_shown_as_deleted(project: Project, program) -> None:
    program(KNOWN, "endpoint")
    project.up()
    program(UNKNOWN, "endpoint")
    assert any(name.endswith("/settings") for name in deleted(project))


def test_a_stack_that_has_recorded_nothing_yet_plans_each_chart_as_one_node(project: Project, program) -> None:
    program(UNKNOWN, RECORDED)
    planned = project.preview()
    assert planned.steps == {"topic": "create", "sample": "create"}
