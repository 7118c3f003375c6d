"""Pulumi's wire form: decoding, encoding, secrets and unknown values."""

from __future__ import annotations

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from lab.plugins.wire import (
    UNKNOWN,
    Asset,
    ResourceReference,
    Secret,
    contains_unknown,
    decode_struct,
    encode_struct,
    hide_like,
    hide_texts,
    property_path,
    reveal,
    secret_texts,
    without_nulls,
)

pytestmark = pytest.mark.unit

SIGNATURE = "4dabf18193072939515e22adb298388d"


def struct(value: dict) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(value)
    return result


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), plain, max_size=5))
def test_plain_values_survive_the_wire(properties) -> None:
    assert decode_struct(encode_struct(properties)) == properties


def test_a_number_without_a_fraction_is_an_integer() -> None:
    decoded = decode_struct(struct({"port": 8080.0, "ratio": 0.5, "on": True}))
    assert decoded == {"port": 8080, "ratio": 0.5, "on": True}
    assert type(decoded["port"]) is int
    assert decoded["on"] is True


def test_secrets_unknowns_and_references_survive_the_wire() -> None:
    properties = {
        "secret": Secret({"deep": ["x"]}),
        "unknown": UNKNOWN,
        "reference": ResourceReference("urn:a", "id", "1.0"),
    }
    assert decode_struct(encode_struct(properties)) == properties


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"value": "a"}, "a"),
        ({"value": "a", "secret": True}, Secret("a")),
        ({}, UNKNOWN),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_an_output_value_is_its_value(output: dict, expected) -> None:
    wired = struct({"x": {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", **output}})
    assert decode_struct(wired) == {"x": expected}


def test_an_asset_keeps_its_source() -> None:
    wired = struct({"x": {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "path": "values.yaml"}})
    assert decode_struct(wired) == {"x": Asset(path="values.yaml")}


def test_a_secret_does_not_print_itself() -> None:
    assert "hunter2" not in repr(Secret("hunter2")) + str([Secret("hunter2")])


def test_reveal_and_hide_are_each_others_inverse_where_the_shape_is_the_same() -> None:
    marked = {"data": {"a": Secret("x"), "b": "y"}, "list": [Secret("z"), 1]}
    assert hide_like(reveal(marked), marked) == marked


def test_a_list_that_changed_its_length_is_secret_as_a_whole() -> None:
    assert hide_like({"l": ["new", "x"]}, {"l": [Secret("x")]}) == {"l": Secret(["new", "x"])}
    assert hide_like({"l": ["new", "x"]}, {"l": ["x"]}) == {"l": ["new", "x"]}


def test_a_secret_text_is_found_inside_other_texts() -> None:
    texts = secret_texts({"values": {"password": Secret("hunter2"), "port": Secret("80")}})
    assert texts == {"hunter2"}, "a short text is found anywhere by chance"
    assert hide_texts({"url": "https://u:hunter2@host", "plain": "x"}, texts) == {
        "url": Secret("https://u:hunter2@host"),
        "plain": "x",
    }


def test_unknowns_are_found_at_any_depth() -> None:
    assert contains_unknown({"a": [{"b": Secret(UNKNOWN)}]})
    assert not contains_unknown({"a": [{"b": "x"}]})


def test_a_null_entry_is_an_absent_one_and_a_null_item_stays() -> None:
    assert without_nulls({"a": None, "b": [None, {"c": None}]}) == {"b": [None, {}]}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("spec", "ports", 0, "port"), "spec.ports[0].port"),
        (("metadata", "labels", "app.kubernetes.io/name"), 'metadata.labels["app.kubernetes.io/name"]'),
        (("odd key",), '["odd key"]'),
        (('a"b',), '["a\\"b"]'),
    ],
)
def test_a_path_is_written_as_pulumi_writes_it(path, text: str) -> None:
    from lab.plugins.kubernetes.manifest import parse_property_path

    assert property_path(path) == text
    assert parse_property_path(text) == path
