"""Control planes side by side, and the tags by which namespaces and gateways move from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.program.differences import changed
from tests.program.recorded_program import Recorded, run
from tests.surroundings import own_layer, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.program

OLD, NEW = "1-30-8", "1-31-4"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path) -> Iterator[None]:
    with surroundings(tmp_path / "machine"):
        yield


def stack(stable: str, revisions: tuple[str, ...] = (OLD, NEW)) -> Recorded:
    own = own_layer("prod")
    istio = {
        **own["istio"],
        "revisions": {name: name.replace("-", ".") for name in revisions},
        "tags": {"stable": stable},
        "injection": "stable",
    }
    recorded = run("prod", {**own, "istio": istio})
    assert recorded.error is None
    return recorded


def test_each_revision_is_a_chart_of_its_own_version() -> None:
    recorded = stack(OLD)
    assert {name: recorded.named(f"istiod-{name}").inputs["version"] for name in (OLD, NEW)} == {
        OLD: "1.30.8",
        NEW: "1.31.4",
    }
    assert {name: recorded.named(f"istiod-{name}").inputs["values"]["revision"] for name in (OLD, NEW)} == {
        OLD: OLD,
        NEW: NEW,
    }


def test_a_tag_leads_to_its_revision_once_that_is_up() -> None:
    recorded = stack(OLD)
    tag = recorded.named("revision-tag-stable")
    assert {hook["clientConfig"]["service"]["name"] for hook in tag.inputs["webhooks"]} == {f"istiod-{OLD}"}
    assert {hook["failurePolicy"] for hook in tag.inputs["webhooks"]} == {"Fail"}
    assert recorded.named(f"istiod-{OLD}").urn in recorded.depends_on(tag)


def test_namespaces_follow_the_tag_and_never_carry_both_labels() -> None:
    recorded = stack(OLD)
    tag = recorded.named("revision-tag-stable")
    for name in ("chatgpt-production", "istio-ingress"):
        namespace = recorded.named(name)
        assert namespace.inputs["metadata"]["labels"]["istio.io/rev"] == "stable"
        assert "istio-injection" not in namespace.inputs["metadata"]["labels"]
        assert tag.urn in recorded.depends_on(namespace)


def test_a_second_revision_changes_nothing_that_runs() -> None:
    assert changed(stack(OLD, (OLD,)), stack(OLD)) == {f"istiod-{NEW}": {"(new)"}}


def test_moving_the_tag_changes_the_tag_and_renews_the_gateways_alone() -> None:
    assert changed(stack(OLD), stack(NEW)) == {
        "revision-tag-stable": {
            "metadata.labels.istio.io/rev",
            "webhooks[0].clientConfig.service.name",
            "webhooks[1].clientConfig.service.name",
        },
        "istio-base": {"values.defaultRevision"},
        **{
            f"istio-{name}": {"values.podAnnotations.chatgpt-mesh/revision"}
            for name in ("ingress/istio-ingressgateway", "internal/istio-internalgateway", "egress/istio-egressgateway")
        },
    }


def test_the_old_revision_goes_alone() -> None:
    assert changed(stack(NEW), stack(NEW, (NEW,))) == {f"istiod-{OLD}": {"(gone)"}}


def test_a_revision_that_a_tag_needs_cannot_go() -> None:
    own = own_layer("prod")
    istio = {**own["istio"], "revisions": {NEW: "1.31.4"}, "tags": {"stable": OLD}, "injection": "stable"}
    recorded = run("prod", {**own, "istio": istio})
    assert recorded.resources == []
    assert recorded.error is not None
    assert f"istio: tags.stable points to {OLD}, which is no revision ({NEW})" in recorded.error


UNNAMED = "default"


def beside_unnamed(revisions: tuple[str, ...], injection: str, **istio: object) -> Recorded:
    own = own_layer("prod")
    versions = {name: "1.30.8" if name == UNNAMED else name.replace("-", ".") for name in revisions}
    recorded = run("prod", {**own, "istio": {**own["istio"], "revisions": versions, "injection": injection, **istio}})
    assert recorded.error is None
    return recorded


def test_the_first_revision_comes_beside_the_control_plane_without_a_name() -> None:
    alone = run("prod", own_layer("prod"))
    both = beside_unnamed((UNNAMED, NEW), UNNAMED)
    found = changed(alone, both)
    assert found.pop(f"istiod-{NEW}") == {"(new)"}
    assert found == {"istiod": {"version"}}, "the version of the prod stack is another one"


def test_what_is_injected_moves_to_it_by_one_word() -> None:
    found = changed(beside_unnamed((UNNAMED, NEW), UNNAMED), beside_unnamed((UNNAMED, NEW), NEW, validation=UNNAMED))
    labels = {"metadata.labels.istio-injection", "metadata.labels.istio.io/rev"}
    renewed = {"values.podAnnotations", "values.revision"}
    assert {name: paths for name, paths in found.items() if paths not in (labels, renewed)} == {}
    assert "chatgpt-production" in found


def test_a_tag_may_lead_to_the_one_without_a_name() -> None:
    tag = beside_unnamed((UNNAMED, NEW), "stable", tags={"stable": UNNAMED}).named("revision-tag-stable")
    assert {hook["clientConfig"]["service"]["name"] for hook in tag.inputs["webhooks"]} == {"istiod"}
