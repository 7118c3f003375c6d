"""`python -m stack import`: what is written where, what is printed, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from chatgpt_mesh.importing import report, stack_text
from chatgpt_mesh.importing.comparison import compared
from chatgpt_mesh.stack import core_schema
from chatgpt_mesh.stack.__main__ import main
from tests.unit.importing import inputs
from tests.unit.importing.inputs import declared, shop

pytestmark = pytest.mark.unit

LOST = "GET http://cart.shop.svc.cluster.local/ from shop/checkout was allowed"

PASSWORD = "correct-horse-battery"


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump_all(shop()), encoding="utf-8")
    return file


def test_the_stack_file_goes_to_standard_output(manifests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(manifests)]) == 0
    printed = capsys.readouterr()
    assert yaml.safe_load(printed.out)["config"]["chatgpt-mesh:apps"].keys() == {"cart", "checkout"}
    assert "What is answered otherwise" in printed.err
    assert "3 objects stay beside the declaration; --rest FILE writes them." in printed.err


def test_files_are_written_and_the_report_is_printed(
    manifests: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, rest = tmp_path / "Pulumi.dev.yaml", tmp_path / "rest.yaml"
    assert main(["import", str(manifests), "--output", str(stack), "--rest", str(rest)]) == 0
    assert "chatgpt-mesh:apps" in stack.read_text(encoding="utf-8")
    kept = [one["kind"] for one in yaml.safe_load_all(rest.read_text(encoding="utf-8"))]
    assert kept == ["Service", "Deployment", "Deployment"]
    assert "Deployment/shop/cart, Deployment/shop/checkout: the app's team owns what runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file or directory"),
        ("# nothing", "holds no Kubernetes object"),
        ("a: [", "shop.yaml:2: "),
    ],
)
def test_what_cannot_be_read_is_said(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert main(["import", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_a_directory_without_objects_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(tmp_path)]) == 2
    assert "There is no Kubernetes object in these files" in capsys.readouterr().err


def test_what_is_secret_is_printed_and_written_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop.yaml"
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"},
        "stringData": {"key": PASSWORD},
    }  # fmt: skip
    header = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  hosts: [cart]
  http:
    - headers: {{request: {{add: {{authorization: Bearer {PASSWORD}}}}}}}
      route: [{{destination: {{host: cart}}}}]
"""
    file.write_text(yaml.safe_dump_all([*shop(header), secret]), encoding="utf-8")
    rest = tmp_path / "rest.yaml"
    assert main(["import", str(file), "--rest", str(rest)]) == 0
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err + rest.read_text(encoding="utf-8")
    assert "Secret/shop/s: is not read, printed or written anywhere" in printed.err
    assert report.NOT_SHOWN in printed.err


class TestAnswers:
    """What the declaration answers otherwise is asked of both."""

    def test_deny_by_default_is_named_for_each_caller(self) -> None:
        found = declared(inputs.bookinfo("bookinfo-gateway"))
        told = report.text(found, compared(found), verbose=True)
        assert "http://details.apps.svc.cluster.local:9080/ from apps/bookinfo-productpage was allowed" in told
        assert "http://ratings.apps.svc.cluster.local:9080/ from apps/bookinfo-reviews was allowed" in told
        assert "OPENS  GET/HEAD" in told

    def test_a_caller_that_is_declared_is_not_among_them(self) -> None:
        policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
spec:
  selector: {matchLabels: {app: cart}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/checkout]}}]}]
"""
        found, without = declared(shop(policy)), declared(shop())
        assert LOST not in report.text(found, compared(found), verbose=True)
        assert LOST in report.text(without, compared(without), verbose=True)

    def test_a_policy_that_stays_is_asked_with_the_declaration(self) -> None:
        """It lets in whom it let in, and an app that is no declared caller does not know the way."""
        policy = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
spec:
  selector: {matchLabels: {app: cart}}
  rules: [{from: [{source: {namespaces: [shop]}}]}]
"""
        found = declared(shop(policy))
        told = report.text(found, compared(found), verbose=True)
        assert "An app of this stack that it lets in is a caller all the same" in told
        assert LOST in told

    def test_what_stays_beside_is_the_same_on_both_sides(self) -> None:
        found = declared(shop())
        beside = [one for one in compared(found).settings if one.object.startswith(("Service/", "Deployment/"))]
        assert beside == []


@pytest.mark.parametrize("text", ["1e3", "on", "0o7", "1.2", "null", "", "a\nb", "12:30:45", "2027-01-31"])
def test_a_text_is_a_text_for_every_reader(text: str) -> None:
    written = stack_text.stack_file({"it": {"value": text}})
    assert yaml.safe_load(written)["config"]["chatgpt-mesh:it"]["value"] == text
    loader = core_schema.PlainLoader
    assert yaml.load(written, loader)["config"]["chatgpt-mesh:it"]["value"] == text  # noqa: S506 - a SafeLoader


def test_what_the_cluster_writes_into_an_object_is_no_part_of_it() -> None:
    """As `kubectl get --output yaml` prints it."""
    rule = inputs.of(
        """
apiVersion: networking.istio.io/v1
kind: DestinationRule
spec: {host: cart, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
spec: {workloadSelector: {labels: {app: nothing}}}
"""
    )
    plain = declared([*shop(), *rule])
    objects = [*shop(), *rule]
    for one in objects:
        one["status"] = {"observedGeneration": 2}
        one["metadata"] |= {
            "uid": "7f", "resourceVersion": "99", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        }  # fmt: skip
    found = declared(objects)
    assert (found.values, found.rest) == (plain.values, plain.rest)
    told = report.text(found, compared(found))
    assert f"{len(objects)} objects: what the cluster writes is left out (metadata.annotations.kubectl" in told
