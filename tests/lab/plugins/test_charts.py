"""`helm.v4.Chart` of the stand-in under Pulumi's real engine: a component whose children are the chart's objects."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import pytest

from tests.lab.plugins.conftest import CHECKOUT, Project

pytestmark = pytest.mark.lab

FILES = {
    "Chart.yaml": """
        apiVersion: v2
        name: sample
        version: 1.2.3
    """,
    "values.yaml": """
        color: red
        list: [1]
    """,
    "crds/crontabs.yaml": """
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: SCOPE.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {kind: KIND, plural: SCOPE}
          versions:
          - name: v1
            served: true
            storage: true
            schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    """,
    "templates/objects.yaml": """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: settings}
        data: {color: {{ .Values.color }}, release: {{ .Release.Name }}, list: {{ toJson .Values.list | quote }}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
        data:
          version: {{ .Capabilities.KubeVersion.Version }}
          phase: {{ (lookup "v1" "Namespace" "" "default").status.phase }}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: password}
        stringData: {password: {{ .Values.password | default "none" | quote }}}
        ---
        apiVersion: example.com/v1
        kind: KIND
        metadata: {name: nightly}
        spec: {schedule: "1 2 3 4 5", time: 10:20, day: 2026-01-02}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: service}
        spec: {selector: {app: nobody}, ports: [{port: 80}]}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
        data: {}
        ---
        {{- if .Capabilities.APIVersions.Has "example.com/v1/Nothing" }}
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: never}
        {{- end }}
    """,
}


@dataclass(frozen=True)
class SampleChart:
    """A chart with a kind of its own and a namespace to install it in; called, it writes a program around it."""

    project: Project
    namespace: str
    kind: str

    def __call__(self, arguments: str = "", options: str = "", name: str = "sample", after: str = "") -> str:
        program = f"""
chart = k8s.helm.v4.Chart("{name}", chart="./sample", namespace="{self.namespace}", skip_await=True, {arguments}
    opts=pulumi.ResourceOptions({options}))
{textwrap.dedent(after)}
"""
        self.project.program(program)
        return program


@pytest.fixture
def chart(project, api_server) -> SampleChart:
    namespace = api_server.namespace("chart")
    kind = "Cron" + namespace.split("-")[-1].capitalize()
    for name, text in FILES.items():
        file = project.directory / "sample" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).replace("KIND", kind).replace("SCOPE", kind.lower() + "s"))
    return SampleChart(project, namespace, kind)


def test_each_object_of_a_chart_is_a_child_named_as_in_the_real_plugin(project, api_server, chart) -> None:
    chart()
    planned = project.preview()
    namespace, kind = chart.namespace, chart.kind
    assert set(planned.steps) == {
        "sample",
        f"sample:{namespace}/settings",
        f"sample:{namespace}/kept",
        f"sample:{namespace}/password",
        f"sample:{namespace}/nightly",
        f"sample:{namespace}/service",
        f"sample:{kind.lower()}s.example.com",
    }
    assert "warning: Chart" not in planned.output
    project.up()
    state = project.state()
    assert state[f"sample:{namespace}/nightly"]["type"] == f"kubernetes:example.com/v1:{kind}"
    assert state[f"sample:{namespace}/service"]["type"] == "kubernetes:core/v1:Service"
    assert state[f"sample:{namespace}/service"]["parent"].endswith("kubernetes:helm.sh/v4:Chart::sample")
    live = api_server.get(f"{kind.lower()}s.example.com", "nightly", namespace)
    assert live["spec"] == {"schedule": "1 2 3 4 5", "time": "10:20", "day": "2026-01-02"}
    assert api_server.get("configmap", "settings", namespace)["data"] == {
        "color": "red",
        "release": "sample",
        "list": "[1]",
    }
    assert api_server.get("configmap", "kept", namespace)["data"]["phase"] == "Active", "lookup reads the cluster"
    assert project.preview().changes == {"same": 8}
    assert project.refresh().changes == {"same": 8}

    chart('values={"color": "blue"},')
    changed = project.preview()
    assert {name for name, step in changed.steps.items() if step != "same"} == {f"sample:{namespace}/settings"}

    project.destroy()
    assert api_server.exists("configmap", "kept", namespace), "helm.sh/resource-policy: keep"
    assert not api_server.exists("configmap", "settings", namespace)


def test_values_files_names_prefix_and_crds_follow_the_arguments(project, api_server, chart) -> None:
    (project.directory / "more.yaml").write_text("color: green\nlist: [2, 3]\n")
    chart(
        'name="release", resource_prefix="", skip_crds=True, values={"color": "blue"}, '
        'value_yaml_files=[pulumi.FileAsset("more.yaml")],',
    )
    templates = project.directory / "sample" / "templates" / "objects.yaml"
    templates.write_text(templates.read_text().split("---")[0])
    assert set(project.preview().steps) == {"sample", f"{chart.namespace}/settings"}
    project.up()
    data = api_server.get("configmap", "settings", chart.namespace)["data"]
    assert data == {"color": "blue", "release": "release", "list": "[2,3]"}


def test_transforms_protection_and_aliases_reach_the_children(project, api_server, chart) -> None:
    namespace = chart.namespace
    transforms = """
        def label(args):
            if args.type_ == "kubernetes:core/v1:ConfigMap":
                args.props["metadata"]["labels"] = {"seen-by": "resource"}
            return pulumi.ResourceTransformResult(props=args.props, opts=args.opts)

        def annotate(args):
            if args.type_ == "kubernetes:core/v1:Secret":
                args.props["metadata"]["annotations"] = {"seen-by": "stack"}
            return pulumi.ResourceTransformResult(props=args.props, opts=args.opts)
    """
    program = """
        pulumi.runtime.register_resource_transform(annotate)
        chart = k8s.helm.v4.Chart("{name}", chart="./sample", namespace="%s", skip_await=True, name="sample",
            resource_prefix="sample",
            opts=pulumi.ResourceOptions(transforms=[label], protect={protect}, aliases=[pulumi.Alias(name="sample")]))
    """.replace("%s", namespace)
    transforms, program = textwrap.dedent(transforms), textwrap.dedent(program)
    project.up(transforms + program.format(name="sample", protect=True))
    assert api_server.get("configmap", "settings", namespace)["metadata"]["labels"] == {"seen-by": "resource"}
    assert "seen-by" in api_server.get("secret", "password", namespace)["metadata"]["annotations"]
    assert project.state()[f"sample:{namespace}/settings"]["protect"] is True

    renamed = project.up(transforms + program.format(name="renamed", protect=True))
    assert renamed.changes == {"same": 8}, "an alias of the chart is one of its children too"
    assert "protected" in project.destroy(fails=True).output
    project.up(transforms + program.format(name="renamed", protect=False))
    project.destroy()


def test_the_resources_of_a_chart_are_references_that_others_can_depend_on(project, api_server, chart) -> None:
    namespace, kind = chart.namespace, chart.kind
    # Of a kind that the SDK has no class for, the SDK gives the id alone, with the real plugin too.
    chart(
        after=f"""
        found = chart.resources.apply(lambda all: [r for r in all if isinstance(r, pulumi.Resource)])
        k8s.apiextensions.CustomResource("own", api_version="example.com/v1", kind="{kind}",
            metadata={{"name": "own", "namespace": "{namespace}"}}, spec={{}},
            opts=pulumi.ResourceOptions(depends_on=found))
        pulumi.export("names", found.apply(lambda all: pulumi.Output.all(*[r.urn for r in all])))
        """
    )
    planned = project.preview()
    assert planned.steps["own"] == "create"
    assert "serves no" not in planned.output
    project.up()
    names = [urn.split("::")[-1] for urn in project.outputs()["names"]]
    assert f"sample:{namespace}/settings" in names
    assert len(names) == 5
    dependencies = [urn.split("::")[-1] for urn in project.state()["own"]["dependencies"]]
    assert f"sample:{kind.lower()}s.example.com" in dependencies


def test_a_secret_value_stays_secret_wherever_the_chart_puts_it(project, api_server, chart) -> None:
    chart('values={"color": pulumi.Output.secret("c4nary-color"), "password": "c4nary-password"},')
    outcome = project.up()
    state = "".join(path.read_text() for path in (project.directory / "state").rglob("*.json"))
    assert "c4nary" not in state + outcome.output
    assert api_server.get("configmap", "settings", chart.namespace)["data"]["color"] == "c4nary-color"


def test_unknown_values_leave_the_chart_one_node_in_the_preview(project, api_server, chart) -> None:
    chart('values={"color": account.metadata.uid},')
    text = (project.directory / "__main__.py").read_text()
    account = f'account = k8s.core.v1.ServiceAccount("a", metadata={{"name": "a", "namespace": "{chart.namespace}"}})\n'
    (project.directory / "__main__.py").write_text(text.replace("chart = ", account + "chart = ", 1))
    planned = project.preview()
    assert set(planned.steps) == {"a", "sample"}
    assert "Input properties have unknown values. Preview is incomplete." in planned.output
    project.up()
    uid = api_server.get("serviceaccount", "a", chart.namespace)["metadata"]["uid"]
    assert api_server.get("configmap", "settings", chart.namespace)["data"]["color"] == uid


def test_what_helm_refuses_is_told_in_its_words(project, chart) -> None:
    chart(
        "",
        after="""
        k8s.helm.v4.Chart("missing", chart="./no-such-chart")
        """,
    )
    assert "The chart ./no-such-chart cannot be rendered: " in project.preview(fails=True).output


def test_an_unreachable_cluster_fails_a_chart_and_spares_plain_objects(project, chart) -> None:
    project.environment["KUBECONFIG"] = str(project.directory / "none.json")
    plain = project.preview('k8s.core.v1.ConfigMap("config", metadata={"name": "config"}, data={})')
    assert "The configured Kubernetes cluster is unreachable" in plain.output
    assert plain.steps == {"config": "create"}
    assert "unreachable" in project.up(fails=True).output
    chart()
    assert "unreachable" in project.preview(fails=True).output


def test_without_a_known_kubeconfig_a_chart_is_one_node(project, chart) -> None:
    planned = project.preview(f"""
        account = k8s.core.v1.ServiceAccount("a", metadata={{"name": "a", "namespace": "{chart.namespace}"}})
        provider = k8s.Provider("provider", kubeconfig=account.metadata.uid)
        k8s.helm.v4.Chart("sample", chart="./sample", opts=pulumi.ResourceOptions(provider=provider))
    """)
    assert set(planned.steps) == {"a", "sample"}


ADOPTING = """
import sys
sys.path.insert(0, "{checkout}")
from chatgpt_mesh.components import definitions
class Parent(pulumi.ComponentResource):
    def __init__(self):
        opts = pulumi.ResourceOptions(provider=objects, transforms=[definitions.adopted_by(adopting)])
        super().__init__("test:index:Parent", "parent", None, opts)
        k8s.helm.v4.Chart("sample", chart="./sample", namespace="{namespace}",
            opts=pulumi.ResourceOptions(parent=self))
same = dict(cluster_identifier="test", enable_server_side_apply=True)
objects = k8s.Provider("objects", **same)
adopting = k8s.Provider("adopting", upsert_existing_objects=True, **same)
Parent()
"""


def test_definitions_that_a_chart_keeps_are_taken_over_by_the_next_up(project, api_server, chart) -> None:
    """And nothing else of it is: what is there already stays an error."""
    definition = f"{chart.kind.lower()}s.example.com"
    crd = project.directory / "sample" / "crds" / "crontabs.yaml"
    kept = f"{{name: {definition}, annotations: {{helm.sh/resource-policy: keep}}}}"
    crd.write_text(crd.read_text().replace(f"{{name: {definition}}}", kept))
    templates = project.directory / "sample" / "templates" / "objects.yaml"
    settings, kept_too, _, nightly, *_ = templates.read_text().split("---\n")
    templates.write_text("---\n".join((settings, kept_too, nightly)))
    project.up(ADOPTING.format(namespace=chart.namespace, checkout=CHECKOUT))
    assert "::adopting::" in project.state()[f"sample:{definition}"]["provider"]
    project.destroy()
    uid = api_server.get("crd", definition)["metadata"]["uid"]

    api_server.kubectl("delete", "configmap", "kept", "-n", chart.namespace)
    planned = project.preview()
    assert planned.steps[f"sample:{definition}"] == "create"
    project.up()
    assert api_server.get("crd", definition)["metadata"]["uid"] == uid
    assert set(project.preview().changes) == {"same"}

    project.destroy()
    assert "ConfigMap" in "".join(project.up(fails=True).errors), "only definitions are adopted"
