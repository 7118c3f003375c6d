"""Every field of every input is declared, stays in its object, or is told; and what is said of it is true."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DataObject, data, sampled_from
from pydantic import BaseModel

from chatgpt_mesh.importing import stack_text
from chatgpt_mesh.importing.draft import steps_of
from chatgpt_mesh.importing.imported import Imported, in_rest
from chatgpt_mesh.importing.settle import NotImportableError
from chatgpt_mesh.importing.source import Fate, Path, Source, leaf_paths
from chatgpt_mesh.mesh.build import Mesh
from chatgpt_mesh.mesh.specs.mesh import MeshSpec
from chatgpt_mesh.stack.settings import load_stack
from tests.unit.importing import inputs
from tests.unit.importing.inputs import TODAY, Manifest, declared
from tests.unit.random_stacks import TAKES_LONG, meshes

pytestmark = pytest.mark.unit

INPUTS = dict(inputs.whole_files())


@pytest.fixture(scope="module", params=INPUTS)
def found(request: pytest.FixtureRequest) -> Imported:
    return declared(INPUTS[request.param])


def without_fate(found: Imported) -> list[tuple[str, Path]]:
    return [
        (source.key, path)
        for source in found.sources
        for path in leaf_paths(source.manifest)
        if path not in source.leaves
    ]


def untold(found: Imported) -> list[tuple[str, Path]]:
    """Fields that are said to be told, and are in no sentence."""
    return [
        (source.key, path)
        for source in found.sources
        for path, leaf in source.leaves.items()
        if leaf.fate is Fate.TOLD
        and path[1:] not in (("name",), ("namespace",))
        and not any(path[: len(one.path)] == one.path for one in source.told)
    ]


def unnamed(found: Imported) -> list[str]:
    """Objects of which nothing is said at all."""
    return [
        source.key
        for source in found.sources
        if not source.told
        and source.kept_as is None
        and not any(leaf.fate is Fate.CARRIED for leaf in source.leaves.values())
    ]


def stands_at(settings: BaseModel, path: str) -> bool:
    """Whether the declaration has something at a path, written or by default."""
    at: Any = settings
    for step in steps_of(path):
        try:
            at = getattr(at, str(step)) if isinstance(at, BaseModel) else at[step]
        except (KeyError, IndexError, AttributeError):
            return False
    return at is not None


def nowhere(found: Imported) -> list[tuple[str, Path, str]]:
    """Fields that are said to be declared at a place where nothing is."""
    return [
        (source.key, path, leaf.to)
        for source in found.sources
        for path, leaf in source.leaves.items()
        if leaf.fate is Fate.CARRIED and not stands_at(found.version.settings, leaf.to)
    ]


def not_kept(found: Imported) -> list[tuple[str, Path]]:
    """Fields that are said to stay, and stand neither under objects nor in the file beside."""
    written = [*found.values.get("objects", []), *found.rest]
    return [
        (source.key, path)
        for source in found.sources
        for path, leaf in source.leaves.items()
        if leaf.fate is Fate.KEPT and not any(holds(one, source, path) for one in written)
    ]


def holds(written: Manifest, source: Source, path: Path) -> bool:
    """Whether an object that was written has a field's value; positions in lists move where only a part stays."""
    if (written["kind"], written["metadata"]["name"]) != (source.kind, source.name):
        return False
    keys = [step for step in path if isinstance(step, str)]
    value = source.at(path)
    return any(
        [step for step in other if isinstance(step, str)] == keys and at(written, other) == value
        for other in leaf_paths(written)
    )


def at(manifest: Manifest, path: Path) -> Any:
    value: Any = manifest
    for step in path:
        value = value[step]
    return value


class TestEveryFieldHasAFate:
    def test_none_is_forgotten(self, found: Imported) -> None:
        assert without_fate(found) == []

    def test_what_is_told_is_in_a_sentence(self, found: Imported) -> None:
        assert untold(found) == []

    def test_no_object_is_passed_over(self, found: Imported) -> None:
        assert unnamed(found) == []

    def test_what_is_declared_stands_there(self, found: Imported) -> None:
        assert nowhere(found) == []

    def test_what_stays_is_written(self, found: Imported) -> None:
        assert not_kept(found) == []


class TestEveryDeclaration:
    """`Version` has built the mesh, and been judged by the checker; what is written is the same declaration."""

    def test_is_read_back_from_its_file(self, found: Imported, tmp_path: Any) -> None:
        (tmp_path / "Pulumi.yaml").write_text("name: imported\n", encoding="utf-8")
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text(stack_text.stack_file(found.values), encoding="utf-8")
        loaded = load_stack(file, TODAY)
        assert loaded == found.version.settings
        assert [o.resource for o in Mesh(loaded, TODAY).objects] == [o.resource for o in found.version.mesh.objects]

    def test_passes_the_checker(self, found: Imported) -> None:
        errors, _ = found.version.findings()
        assert errors == []


@settings(suppress_health_check=[*TAKES_LONG, HealthCheck.differing_executors])
@given(meshes())
def test_nothing_is_lost_of_what_random_declarations_stand_for(declaration: dict[str, Any]) -> None:
    objects = [owned.resource.to_dict() for owned in Mesh(MeshSpec.model_validate(declaration), TODAY).objects]
    found = declared(objects)
    assert without_fate(found) == untold(found) == unnamed(found) == nowhere(found) == not_kept(found) == []


CHANGED = {
    "bookinfo": lambda: inputs.bookinfo(
        "bookinfo-gateway", "destination-rule-all-mtls", "virtual-service-reviews-80-20", "egress-rule-google-apis"
    ),
    "faults and pins": lambda: inputs.bookinfo(
        "virtual-service-ratings-test-delay", "virtual-service-reviews-jason-v2-v3", "destination-rule-reviews"
    ),
    "httpbin": inputs.httpbin,
    "the guide": lambda: [
        one for one in inputs.read(inputs.GUIDE) if one["kind"] not in ("IstioOperator", "ConfigMap")
    ],
}


def other(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case _:
            return "x"


def everything(found: Imported) -> tuple[Any, ...]:
    kept = [source.kept_why for source in found.sources]
    return found.values, found.rest, inputs.told(found), found.assumed, kept


def changes(objects: list[Manifest], found: Imported) -> Iterator[tuple[str, Path, list[Manifest]]]:
    """For each field that is declared or stays, the input with another value there; one of each kind and path."""
    seen: set[tuple[object, ...]] = set()
    for index, source in enumerate(found.sources):
        for path, leaf in source.leaves.items():
            kind = (source.kind, leaf.fate, *(step for step in path if isinstance(step, str)))
            if leaf.fate is Fate.TOLD or kind in seen or path == ("metadata", "namespace"):
                continue
            seen.add(kind)
            edited = copy.deepcopy(objects)
            holder: Any = edited[index]
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = other(holder[path[-1]])
            yield source.key, path, edited


@pytest.mark.parametrize("name", CHANGED)
def test_another_value_of_a_field_that_is_declared_or_stays_gives_another_result(name: str) -> None:
    """Else the field would be lost, whatever its fate says."""
    objects = cast("list[Manifest]", CHANGED[name]())
    found = declared(objects)
    before = everything(found)
    edits = list(changes(objects, found))
    assert len(edits) > 20
    assert [(key, path) for key, path, edited in edits if everything(declared(edited)) == before] == []


def test_a_field_that_no_reader_knows_is_told() -> None:
    objects = inputs.shop(
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        spec: {host: cart, exportTo: ["."], trafficPolicy: {loadBalancer: {simple: RANDOM, warmup: {duration: 9s}}}}
        """
    )
    sentences = inputs.told(declared(objects))
    assert (
        'DestinationRule/shop/it spec.exportTo (["."]): no declaration has a word for it; it is left behind'
        in sentences
    )
    assert any(" spec.trafficPolicy.loadBalancer.warmup " in sentence for sentence in sentences)


def test_part_of_an_object_can_stay() -> None:
    objects = inputs.shop()
    servers = objects[3]["spec"]["servers"]
    servers.append({"port": {"number": 5432, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]})
    found = declared(objects)
    (gateway,) = [source for source in found.sources if source.kind == "Gateway"]
    assert gateway.kept_as is not None
    assert gateway.kept_as["spec"]["servers"] == [servers[1]]
    assert in_rest(found, gateway)


DAMAGE: tuple[Any, ...] = (None, "", [], {}, 0, -1, "x", True, ["a"], {"a": 1}, "*", 99999, 1.5, [None], "a.b.c")


def places(value: Any, here: Path = ()) -> Iterator[Path]:
    if here:
        yield here
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*here, key))


@given(data())
def test_a_damaged_input_ends_in_a_declaration_or_in_a_sentence(drawn: DataObject) -> None:
    """Whatever stands in a field, nothing is lost, and nothing but `NotImportableError` is raised."""
    objects = copy.deepcopy(INPUTS[drawn.draw(sampled_from([name for name, found in INPUTS.items() if found]))])
    manifest = drawn.draw(sampled_from(objects))
    *holder, last = drawn.draw(sampled_from([p for p in places(manifest) if p[0] in ("spec", "metadata") and p[1:]]))
    at(manifest, tuple(holder))[last] = drawn.draw(sampled_from(DAMAGE))
    try:
        found = declared(objects)
    except NotImportableError:
        return
    assert without_fate(found) == untold(found) == nowhere(found) == []
