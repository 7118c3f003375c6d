"""The provider's configuration, and which change of it means another cluster."""

from __future__ import annotations

import json

import pytest

from lab.plugins.kubernetes.connection import KubeconfigChoice, UnreachableClusterError
from lab.plugins.kubernetes.settings import ProviderSettings, check, replaced_by
from lab.plugins.wire import UNKNOWN

pytestmark = pytest.mark.unit


def kubeconfig(server: str = "https://a", *, namespace: str = "") -> str:
    context = {"cluster": "c", "user": "u", **({"namespace": namespace} if namespace else {})}
    other = {"cluster": "d", "user": "u"}
    return json.dumps(
        {
            "current-context": "one",
            "contexts": [{"name": "one", "context": context}, {"name": "two", "context": other}],
            "clusters": [
                {"name": "c", "cluster": {"server": server}},
                {"name": "d", "cluster": {"server": "https://d"}},
            ],
            "users": [{"name": "u", "user": {}}],
        }
    )


def test_truth_values_come_in_two_forms() -> None:
    assert ProviderSettings.of({"upsertExistingObjects": "true"}).upsert
    assert ProviderSettings.of({"upsertExistingObjects": True}).upsert
    assert not ProviderSettings.of({"upsertExistingObjects": "false"}).upsert


def test_context_and_cluster_choose_the_address(tmp_path) -> None:
    assert KubeconfigChoice(kubeconfig()).server() == "https://a"
    assert KubeconfigChoice(kubeconfig(), context="two").server() == "https://d"
    assert KubeconfigChoice(kubeconfig(), cluster="d").server() == "https://d"
    path = tmp_path / "config"
    path.write_text(kubeconfig("https://file"))
    assert KubeconfigChoice(str(path)).server() == "https://file"


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (KubeconfigChoice("/no/such/file"), "no kubeconfig at /no/such/file"),
        (KubeconfigChoice("{a: ["), "cannot be read"),
        (KubeconfigChoice("{a: b}"), "names no cluster"),
        (KubeconfigChoice(kubeconfig(), context="three"), "no context 'three'; it has: one, two"),
    ],
)
def test_what_leads_to_no_cluster_is_said(choice: KubeconfigChoice, sentence: str) -> None:
    with pytest.raises(UnreachableClusterError, match="is unreachable: .*" + sentence.replace("(", "\\(")):
        choice.server()


def test_the_default_namespace_is_the_providers_then_the_contexts() -> None:
    text = kubeconfig(namespace="context")
    assert ProviderSettings.of({"kubeconfig": text, "namespace": "own"}).default_namespace() == "own"
    assert ProviderSettings.of({"kubeconfig": text}).default_namespace() == "context"
    assert ProviderSettings.of({"kubeconfig": kubeconfig()}).default_namespace() == "default"


def test_what_it_cannot_honour_is_refused() -> None:
    assert set(check({"renderYamlToDirectory": "x", "enableServerSideApply": "false"})) == {
        "renderYamlToDirectory",
        "enableServerSideApply",
    }
    assert check({"enableServerSideApply": "true", "clusterIdentifier": "x"}) == {}


A, B = {"kubeconfig": kubeconfig("https://a")}, {"kubeconfig": kubeconfig("https://b")}


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        (A, A, []),
        (A, B, ["kubeconfig"]),
        (A, {**A, "context": "two"}, ["context"]),
        (A, {"kubeconfig": UNKNOWN}, ["kubeconfig"]),
        ({**A, "clusterIdentifier": "x"}, {**B, "clusterIdentifier": "x"}, []),
        ({**A, "clusterIdentifier": "x"}, {"kubeconfig": UNKNOWN, "clusterIdentifier": "x"}, []),
        ({**A, "clusterIdentifier": "x"}, {**A, "clusterIdentifier": "y"}, ["clusterIdentifier"]),
        ({**A, "clusterIdentifier": "x"}, {**A, "clusterIdentifier": UNKNOWN}, []),
        (A, {**B, "clusterIdentifier": "x"}, []),
        (A, {"kubeconfig": "/no/such/file"}, []),
    ],
)
def test_which_change_means_another_cluster(old: dict, new: dict, replaces: list[str]) -> None:
    assert replaced_by(old, new) == replaces
