"""Reading files: every document that can be read is, and what cannot is named with its line."""

from __future__ import annotations

import io
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshlint import load as loading
from meshlint.environment import Environment
from meshlint.lint import judge, lint
from meshlint.load import Loaded, load, load_bytes
from meshlint.yaml_document import plain, values

pytestmark = pytest.mark.unit

GOOD = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
"""


def read(text: str | bytes, *, explicit: bool = True) -> Loaded:
    loaded = Loaded()
    load_bytes(text.encode() if isinstance(text, str) else text, "file.yaml", loaded, explicit=explicit)
    return loaded


def troubles(loaded: Loaded) -> list[tuple[str, int]]:
    return [(trouble.code, trouble.line) for trouble in loaded.troubles]


# What is read


def test_several_documents_and_their_lines() -> None:
    loaded = read(f"# head\n---\n{GOOD}---\n{GOOD}")
    assert len(loaded.objects) == 2
    assert [place.line_of(("spec", "mtls", "mode")) for place in loaded.places] == [6, 11]


def test_a_list_as_kubectl_prints_it() -> None:
    item = yaml.safe_load(GOOD)
    loaded = read(json.dumps({"apiVersion": "v1", "kind": "List", "items": [item, item]}, indent=1))
    assert [obj["kind"] for obj in loaded.objects] == ["PeerAuthentication"] * 2
    assert loaded.places[1].line_of(("spec",)) > loaded.places[0].line_of(("spec",))


def test_a_path_that_does_not_exist_gives_the_line_of_what_does() -> None:
    loaded = read(GOOD)
    assert loaded.places[0].line_of(("spec", "selector", "matchLabels")) == 4


def test_values_of_a_chart_and_a_bare_mesh_config_are_recognised() -> None:
    loaded = read("pilot: {}\nmeshConfig: {accessLogFile: /dev/stdout}\n")
    assert loaded.objects[0]["kind"] == "HelmValues"
    assert loaded.places[0].line_of(("values", "meshConfig", "accessLogFile")) == 2
    loaded = read("accessLogFile: /dev/stdout\nprotocolDetectionTimeout: 5s\n")
    assert loaded.objects[0]["values"]["meshConfig"]["accessLogFile"] == "/dev/stdout"
    assert loaded.places[0].line_of(("values", "meshConfig", "protocolDetectionTimeout")) == 2


def test_a_values_file_of_the_gateway_chart_is_known_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "gateway-values.yaml"
    file.write_text("autoScaling: {minReplicas: 1}\nservice: {type: LoadBalancer}\n")
    codes = {found.code for found in lint([str(file)], today=date(2026, 12, 1), environment=Environment()).findings}
    assert {"MCP702", "MCP712"} <= codes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("12:30", "12:30"), ("2026-01-01", "2026-01-01"), ("0o17", 15), ("0x1f", 31),
        ("017", 17), ("1e3", 1000.0), ("~", None), ("", None), ("True", True), (".5", 0.5), ("1_000", "1_000"),
        ("-", "-"), (".", "."), ("+", "+"), ("1.2.3", "1.2.3"), ("-.inf", float("-inf")),
    ],
)  # fmt: skip
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert plain(text) == value
    assert type(plain(text)) is type(value)


def test_quoted_scalars_are_strings_and_keys_too() -> None:
    text = b'a: "1"\n8080: {mode: STRICT}\nb: !!str 2\n'
    assert values(text)[0] == [{"a": "1", "8080": {"mode": "STRICT"}, "b": "2"}]


def test_anchors_aliases_and_merges() -> None:
    text = b"base: &base {a: 1, b: 2}\nnext: {<<: *base, b: 3}\nsame: *base\n"
    assert values(text)[0] == [{"base": {"a": 1, "b": 2}, "next": {"a": 1, "b": 3}, "same": {"a": 1, "b": 2}}]


def test_utf_16_and_byte_order_marks_are_read() -> None:
    assert len(read(GOOD.encode("utf-16")).objects) == 1
    assert len(read(b"\xef\xbb\xbf" + GOOD.encode()).objects) == 1
    assert len(read(GOOD.replace("\n", "\r\n")).objects) == 1


# What is not


def test_a_broken_document_is_named_and_the_others_are_checked() -> None:
    loaded = read(f"---\n{GOOD}---\nkind: [\n---\n{GOOD}")
    assert troubles(loaded) == [("MCP001", 8)]
    assert len(loaded.objects) == 2


def test_a_byte_that_is_not_utf_8_is_named_with_its_line() -> None:
    loaded = read(GOOD.encode() + b"---\nkind: caf\xe9\n---\n" + GOOD.encode())
    assert troubles(loaded) == [("MCP001", 6)]
    assert "0xe9" in loaded.troubles[0].message
    assert len(loaded.objects) == 2


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "[" * 200_000,
        "{a: " * 5_000,
        "- " * 100_000,
        "? " * 50_000,
        "\n".join("  " * level + "a:" for level in range(300)),
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{name}: &{name} [{','.join(['*' + chr(ord(name) - 1)] * 9)}]\n" for name in "bcdefghij"
        ),
        "{[a]: b}\n",
        "a: \x00\n",
        "\t- a\n",
        "%YAML 9.9\n---\na: b: c\n",
    ],
    ids=["own anchor", "own anchor in a map", "flow", "flow maps", "sequences", "keys", "block", "billion laughs",
         "list as key", "control character", "tab", "directive"],
)  # fmt: skip
def test_hostile_documents_are_one_finding_each(text: str) -> None:
    start = time.process_time()
    loaded = read(text)
    assert [code for code, _ in troubles(loaded)] == ["MCP001"]
    assert loaded.troubles[0].line >= 1
    assert time.process_time() - start < 5


def test_a_file_above_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 100)
    (tmp_path / "big.yaml").write_text(GOOD * 10)
    loaded = load([str(tmp_path)])
    assert troubles(loaded) == [("MCP001", 1)]
    assert not loaded.objects


def test_standard_input_above_the_limit_is_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_BYTES", 10)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert troubles(load(["-"])) == [("MCP001", 1)]


def test_a_key_that_stands_twice() -> None:
    loaded = read("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  type: A\n  type: B\n")
    assert troubles(loaded) == [("MCP002", 6)]
    assert troubles(read('{"apiVersion": "v1", "kind": "Service",\n "kind": "Pod"}')) == [("MCP002", 2)]


def test_a_directory_with_other_things_in_it(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "readme.md").write_text("# [")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / "other.yaml").write_text("just: settings\n")
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "broken.yaml").write_text("[")
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: mine\nversion: 1.0.0\n")
    (chart / "templates" / "web.yaml").write_text("{{ if .Values.x }}\nkind: {{ .Values.kind }}\n{{ end }}\n")
    (tmp_path / "loop").symlink_to(tmp_path)
    loaded = load([str(tmp_path)])
    assert len(loaded.objects) == 1
    assert not loaded.troubles
    assert len(loaded.passed_over) == 4


def test_a_template_that_is_named_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("{{ if .Values.x }}\nkind: {{ .Values.kind }}\n{{ end }}\n")
    assert "helm template" in load([str(file)]).troubles[0].message


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n---\n", "just: settings\n", "42\n", "- 1\n"])
def test_a_named_file_without_objects_is_a_finding(text: str) -> None:
    loaded = read(text)
    assert [trouble.code for trouble in loaded.troubles] == ["MCP001"]


def test_an_object_without_kind_or_version() -> None:
    assert "no kind" in read("apiVersion: v1\nmetadata: {}\n").troubles[0].message
    assert "no apiVersion" in read("kind: Service\nmetadata: {}\n").troubles[0].message
    assert "no kind" in read("apiVersion: v1\nkind: 3\n").troubles[0].message


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError):
        load(["/nowhere/at/all.yaml"])


# Acceptances in comments


OPEN = GOOD.replace("STRICT", "DISABLE")


def judged(text: str, today: date = date(2026, 12, 1)) -> list[tuple[str, str, int]]:
    linted = judge(read(text), today=today, environment=Environment())
    return [(found.code, found.severity.value, found.line) for found in linted.findings]


def test_a_comment_accepts_a_finding_of_its_document() -> None:
    accepted = f"# accept: MCP301 until 2027-03-01 because the old client moves in February\n{OPEN}"
    assert judged(accepted) == []
    other = OPEN.replace("namespace: shop", "namespace: cart")
    assert judged(f"{accepted}---\n{other}") == [("MCP301", "warning", 10)]


def test_a_comment_before_the_first_separator_belongs_to_the_next_document() -> None:
    assert judged(f"# accept: MCP301 until 2027-03-01 because it moves\n---\n{OPEN}") == []


def test_an_acceptance_ends_on_its_day() -> None:
    text = f"# accept: MCP301 until 2026-12-31 because it moves\n{OPEN}"
    assert judged(text, date(2026, 12, 1)) == []
    assert judged(text, date(2026, 12, 20)) == [("MCP008", "warning", 1)]
    assert judged(text, date(2026, 12, 31)) == [("MCP008", "warning", 1)]
    assert judged(text, date(2027, 1, 1)) == [("MCP008", "error", 1), ("MCP301", "warning", 5)]


@pytest.mark.parametrize(
    "comment",
    ["MCP301", "MCP301 until tomorrow because x", "MCP301 until 2027-02-30 because x", "MCP301 until 2027-02-01",
     "until 2027-01-01 because x"],
)  # fmt: skip
def test_an_acceptance_needs_code_day_and_reason(comment: str) -> None:
    assert ("MCP008", "error", 1) in judged(f"# accept: {comment}\n{OPEN}")


def test_an_acceptance_of_nothing_is_a_warning() -> None:
    assert judged(f"# accept: MCP301 until 2027-03-01 because it moves\n{GOOD}") == [("MCP008", "warning", 1)]


# Anything at all

TEXT = st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    read(data)
    read(GOOD.encode() + b"\n---\n" + data)


@given(st.text(alphabet=" \n-:[]{}&*!|>'\"#%@a1,?\t", max_size=200))
def test_any_punctuation_is_read_or_refused(text: str) -> None:
    loaded = read(text, explicit=False)
    assert all(trouble.line >= 1 for trouble in loaded.troubles)


@given(JSON)
def test_json_is_read_as_yaml_as_it_is_by_a_json_parser(value: Any) -> None:
    written = json.dumps(value, ensure_ascii=False)
    assert values(f"value: {written}".encode())[0] == [{"value": value}]
    assert values(f'{{"value": {written}}}'.encode())[0] == [{"value": value}]


def test_an_address_that_ends_in_two_colons_needs_no_quotes() -> None:
    """libyaml stumbles over it, Kubernetes does not."""
    text = b"addresses: [1.2.3.4, 2001:db8::]\nof: {prefix: fd00::, length: 8}\n"
    (document,), _ = values(text)
    assert document == {"addresses": ["1.2.3.4", "2001:db8::"], "of": {"prefix": "fd00::", "length": 8}}
