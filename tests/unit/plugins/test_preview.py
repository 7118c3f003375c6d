"""What a preview says where the API server cannot speak of the object itself, and what it asks the server for."""

from __future__ import annotations

from typing import Any

import pytest

from lab.plugins.difference import Change, ChangeKind
from lab.plugins.kubernetes.connection import Connection, KubeconfigChoice, KubernetesError, UnreachableClusterError
from lab.plugins.kubernetes.discovery import Discovery, KindNotServedError, Plan
from lab.plugins.kubernetes.objects import Identity, Objects
from lab.plugins.kubernetes.preview import PlannedWrite, Preview
from lab.plugins.plugin import EngineLog, PluginError
from lab.plugins.wire import UNKNOWN, Secret, reveal

pytestmark = pytest.mark.unit


class Cluster(Objects):
    """Answers each apply with what a test gives it: an object, or an error to raise."""

    def __init__(self, answer=None, live: dict | None = None) -> None:
        connection = Connection(KubeconfigChoice(), on_warning=print)
        super().__init__(connection, Discovery(connection))
        self.answer, self.live = answer, live
        self.asked: list[dict] = []

    def get(self, identity: Identity) -> dict[str, Any] | None:
        return self.live

    def apply(
        self, manifest: dict[str, Any], *, manager: str, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        assert dry_run, "a preview never writes"
        self.asked.append(manifest)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or manifest


class Log(EngineLog):
    def __init__(self) -> None:
        super().__init__(address="")
        self.warnings: list[str] = []

    def warning(self, message: str, urn: str = "") -> None:
        self.warnings.append(message)


INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "ns"}, "data": {"a": "b"}}


def preview(
    cluster: Cluster, inputs: dict | None = None, *, plan: Plan | None = None, existing: bool = False, upsert=False
):
    log = Log()
    inputs = inputs or INPUTS
    write = PlannedWrite(inputs, reveal(inputs), "manager", force=False, urn="urn")
    outputs = Preview(cluster, plan or Plan(), log, upsert).outputs(write, existing=existing)
    return outputs, log.warnings


def refusal(code: int, message: str, **status) -> KubernetesError:
    return KubernetesError(code, {"message": message, **status})


def test_the_servers_answer_is_what_is_planned() -> None:
    outputs, warnings = preview(Cluster({**INPUTS, "data": {"a": "b", "defaulted": "x"}}))
    assert outputs["data"] == {"a": "b", "defaulted": "x"}
    assert outputs["metadata"]["uid"] is UNKNOWN
    assert warnings == []


def test_an_unknown_input_is_not_sent_to_the_server() -> None:
    cluster = Cluster()
    outputs, _ = preview(cluster, {**INPUTS, "data": {"a": UNKNOWN}})
    assert outputs["data"] == {"a": UNKNOWN}
    assert cluster.asked == []


def test_an_object_that_is_there_already_is_an_error_unless_it_is_replaced_or_adopted() -> None:
    cluster = Cluster(live=INPUTS)
    with pytest.raises(PluginError, match="ConfigMap ns/c already exists"):
        preview(cluster)
    preview(cluster, upsert=True)
    preview(cluster, existing=True)
    plan = Plan()
    plan.manages(Identity.of(INPUTS))
    asked = len(cluster.asked)
    preview(cluster, plan=plan)
    assert len(cluster.asked) == asked, "its predecessor would answer for it"


def test_a_planned_namespace_is_no_trouble_and_another_is_said() -> None:
    missing = refusal(404, 'namespaces "ns" not found')
    _, warnings = preview(Cluster(missing))
    assert warnings == ["The namespace ns of ConfigMap ns/c neither exists nor is planned so far."]
    plan = Plan()
    plan.record({"kind": "Namespace", "metadata": {"name": "ns"}})
    assert preview(Cluster(missing), plan=plan)[1] == []


def test_a_planned_kind_is_no_trouble_and_another_is_said() -> None:
    missing = KindNotServedError("e.com/v1", "Widget")
    inputs = {**INPUTS, "apiVersion": "e.com/v1", "kind": "Widget"}
    assert "serves no Widget in e.com/v1" in preview(Cluster(missing), inputs)[1][0]
    plan = Plan()
    spec = {"group": "e.com", "names": {"kind": "Widget"}, "scope": "Cluster", "versions": [{"name": "v1"}]}
    plan.record({"kind": "CustomResourceDefinition", "metadata": {"name": "w"}, "spec": spec})
    assert preview(Cluster(missing), inputs, plan=plan)[1] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnreachableClusterError("no route"), "unreachable: no route"),
        (refusal(403, 'User "r" cannot patch resource "configmaps"', reason="Forbidden"), "nothing validated it"),
        (refusal(400, 'admission webhook "w" does not support dry run'), "not validated in previews"),
    ],
)
def test_where_nothing_can_be_asked_the_plan_is_the_inputs_with_a_warning(error: Exception, said: str) -> None:
    outputs, warnings = preview(Cluster(error))
    assert outputs["data"] == INPUTS["data"]
    assert said in warnings[0]


@pytest.mark.parametrize(
    "error",
    [
        refusal(400, 'admission webhook "validation.istio.io" denied the request: hosts must not be empty'),
        refusal(403, "exceeded quota: pods=10", reason="Forbidden"),
        refusal(422, "spec.port: Required value", reason="Invalid"),
        refusal(500, "failed calling webhook: connection refused", reason="InternalError"),
    ],
)
def test_what_the_server_or_a_webhook_refuses_is_told_in_its_words(error: KubernetesError) -> None:
    with pytest.raises(PluginError, match=f"ConfigMap ns/c cannot be applied: {error.message[:20]}"):
        preview(Cluster(error))


def test_a_conflict_names_every_field_and_its_owner() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "field": ".data.a", "message": 'conflict with "kubectl" using v1'},
        {"reason": "FieldManagerConflict", "field": ".data.b", "message": 'conflict with "helm" using v1'},
    ]
    with pytest.raises(PluginError) as told:
        preview(Cluster(refusal(409, "conflicts", details={"causes": causes})))
    for part in (".data.a", '"kubectl"', ".data.b", '"helm"', "pulumi.com/patchForce"):
        assert part in str(told.value)


def test_a_refusal_does_not_repeat_a_secret() -> None:
    inputs = {**INPUTS, "data": {"a": Secret("hunter2")}}
    with pytest.raises(PluginError) as told:
        preview(Cluster(refusal(422, 'data.a: Invalid value: "hunter2"')), inputs)
    assert "hunter2" not in str(told.value)


def test_only_changes_that_the_server_calls_immutable_replace() -> None:
    changes = [Change(("spec", "selector"), ChangeKind.UPDATE), Change(("spec", "replicas"), ChangeKind.UPDATE)]

    def replaced(answer=None, live: dict | None = INPUTS) -> list:
        found = Preview(Cluster(answer, live), Plan(), Log(), upsert=False).replacements(changes, INPUTS, "manager")
        return [change.path for change in found if change.replaces]

    cause = {"field": "spec.selector", "message": "field is immutable"}
    immutable = refusal(422, "invalid", details={"causes": [cause]})
    assert replaced(immutable) == [("spec", "selector")]
    assert replaced() == []
    assert replaced(refusal(422, "spec.replicas: must be positive")) == [], "another refusal is the update's to tell"
    assert replaced(immutable, live=None) == [], "what is gone is made anew in any case"
    assert replaced(UnreachableClusterError("x")) == []
