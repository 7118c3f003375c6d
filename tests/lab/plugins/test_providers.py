"""Provider configuration of the Kubernetes stand-in under Pulumi's real engine."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.lab


def test_a_kubeconfig_may_be_text_or_a_path_and_a_context_picks_from_it(project, api_server) -> None:
    namespace = api_server.namespace("provider")
    config = json.loads(api_server.kubeconfig.read_text())
    config["clusters"].append({"name": "elsewhere", "cluster": {"server": "https://127.0.0.1:1"}})
    config["contexts"].append({"name": "elsewhere", "context": {"cluster": "elsewhere", "user": "test"}})
    config["contexts"].append({"name": "named", "context": {"cluster": "test", "user": "test", "namespace": namespace}})
    config["current-context"] = "elsewhere"
    path = project.directory / "kubeconfig.json"
    path.write_text(json.dumps(config))
    project.up(f"""
        text = k8s.Provider("text", kubeconfig=open({str(path)!r}).read(), context="named")
        path = k8s.Provider("path", kubeconfig={str(path)!r}, context="test", namespace="{namespace}")
        cluster = k8s.Provider("cluster", kubeconfig={str(path)!r}, cluster="test", namespace="{namespace}")
        for provider in (text, path, cluster):
            k8s.core.v1.ConfigMap(provider._name, metadata={{"name": provider._name}}, data={{}},
                opts=pulumi.ResourceOptions(provider=provider))
    """)
    for name in ("text", "path", "cluster"):
        assert api_server.exists("configmap", name, namespace)


def test_the_cluster_identifier_decides_whether_another_address_is_another_cluster(project, api_server) -> None:
    namespace = api_server.namespace("identifier")
    config = json.loads(api_server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = api_server.url.replace("127.0.0.1", "localhost")
    moved = json.dumps(config)
    program = """
        provider = k8s.Provider("provider", kubeconfig={kubeconfig!r}{identifier})
        k8s.core.v1.ConfigMap("config", metadata={{"namespace": "%s"}}, data={{}},
            opts=pulumi.ResourceOptions(provider=provider))
    """.replace("%s", namespace)
    first = api_server.kubeconfig.read_text()
    project.up(program.format(kubeconfig=first, identifier=""))
    assert project.preview(program.format(kubeconfig=moved, identifier="")).changes["replace"] == 2
    identified = ', cluster_identifier="one"'
    project.up(program.format(kubeconfig=first, identifier=identified))
    planned = project.preview(program.format(kubeconfig=moved, identifier=identified))
    assert planned.changes == {"update": 1, "same": 2}
    other = ', cluster_identifier="two"'
    assert project.preview(program.format(kubeconfig=moved, identifier=other)).changes["replace"] == 2


def test_the_stand_in_says_what_it_is(project) -> None:
    planned = project.preview('k8s.core.v1.ConfigMap("config", metadata={"name": "config"}, data={})')
    assert "This is the lab's stand-in for pulumi-resource-kubernetes" in planned.output


def test_settings_that_it_cannot_honour_are_refused(project) -> None:
    planned = project.preview('k8s.Provider("provider", render_yaml_to_directory="x")', fails=True)
    assert "does not render to a directory" in planned.output
