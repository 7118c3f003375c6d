"""The picture shows what the declaration says, keeps everything apart, and takes nothing for markup."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from chatgpt_mesh.mesh.__main__ import main
from chatgpt_mesh.review.picture.columns import columns
from chatgpt_mesh.review.picture.layout import Layout
from chatgpt_mesh.review.picture.mermaid import changed, mermaid
from chatgpt_mesh.review.picture.overview import MOST_CARDS, overview
from chatgpt_mesh.review.picture.scene import Call, Card, Scene, scene
from chatgpt_mesh.review.picture.svg import DARK, LIGHT, svg
from chatgpt_mesh.review.picture.text import fitted, fitted_name, width
from tests.unit.review.committed_picture import FILE, picture
from tests.unit.review.many_apps import stack_of
from tests.unit.review.stacks import STACK, edited, version

pytestmark = pytest.mark.unit

EXCEPTION = """  chatgpt-mesh:security:
    exceptions:
      - workload: weather
        namespace: weather
        port: 9090
        until: "2027-01-31"
        why: "WHY"
        from_networks: [10.0.0.0/16]
  chatgpt-mesh:apps:"""
HOSTILE = "</title><script>alert(1)</script> <img src=x onerror=a()> ]--> n1 click"


def drawn(tmp_path: Path, text: str = STACK) -> Scene:
    return scene(version(tmp_path, "test", text))


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in parsed(picture).iter() if element.tag.endswith("}text")]


def parsed(picture: str) -> Xml.Element:
    return Xml.fromstring(picture)  # noqa: S314 - written by this very process


def test_the_picture_of_the_readme_is_as_prod_is_declared() -> None:
    assert FILE.read_text(encoding="utf-8") == picture(), "regenerate it: make reference"


def test_shows_what_the_declaration_says(tmp_path: Path) -> None:
    shown = texts(svg(drawn(tmp_path, edited("  chatgpt-mesh:apps:", EXCEPTION))))
    said = (
        "public: from the internet",
        "weather.example.com",
        "weather",
        "account weather",
        "MCP /mcp, both eras",
        "token of auth.example.com",
        "tool forecast",
        "needs weather.read",
        "600 in 60s per subject",
        "v1 95 %",
        "v2 5 %",
        "frontend",
        "out: the way out",
        "api.openai.com:443",
        "namespace weather · 2 apps",
    )
    assert set(said) <= set(shown)
    assert any(one.startswith("until 2027-01-31: port 9090") for one in shown)


def test_findings_are_marked_at_their_app(tmp_path: Path) -> None:
    found = drawn(tmp_path, edited("mcp: {}", "mcp: {}\n      resilience: {pool: {open_streams: 9}}"))
    card = found.card_of("apps.weather")
    assert card is not None
    assert [mark.severity for mark in card.marks] == ["warning"]
    assert "open_streams" in card.marks[0].text
    assert 'class="warning"' in svg(found)


def test_draws_who_calls_whom(tmp_path: Path) -> None:
    calls = {(call.source, call.target, call.kind) for call in drawn(tmp_path).calls}
    assert calls == {
        ("gateways.public/weather.example.com", "apps.weather", "serve"),
        ("apps.frontend", "apps.weather", "call"),
        ("apps.weather", "gateways.out/0", "leave"),
    }


@pytest.mark.parametrize("count", [5, MOST_CARDS, 100])
def test_everything_has_a_place_of_its_own(tmp_path: Path, count: int) -> None:
    found = drawn(tmp_path, stack_of(count))
    layout = columns(found) if count <= MOST_CARDS else overview(found)
    _keeps_apart(layout)
    assert {placed.card.id for placed in layout.placed} == {card.id for card in found.cards}
    if count > MOST_CARDS:
        for namespace in {card.namespace for card in found.apps}:
            part = found.around(namespace)
            assert part.as_cards
            _keeps_apart(columns(part))


def _keeps_apart(layout: Layout) -> None:
    for one, other in combinations(layout.placed, 2):
        apart = (
            one.x + one.width <= other.x
            or other.x + other.width <= one.x
            or one.y + one.height <= other.y
            or other.y + other.height <= one.y
        )
        assert apart, f"{one.card.id} covers {other.card.id}"
    for box in (*layout.placed, *layout.frames):
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= layout.width
        assert box.y + box.height <= layout.height
    for wire in layout.wires:
        for (x, y), (to_x, to_y) in pairwise(wire.points[1:-1]):
            if y == to_y:
                hidden = [p.card.id for p in layout.placed if x <= p.x < to_x and p.y < y < p.y + p.height]
                assert not hidden, f"a wire runs behind {hidden}: {wire.title}"


def test_a_circle_of_calls_has_an_end() -> None:
    cards = [Card(f"apps.{name}", "app", name, namespace="n") for name in "abc"]
    calls = [Call(f"apps.{one}", f"apps.{other}", "call", "/") for one, other in ("ab", "bc", "ca", "aa")]
    placed = {one.card.title: one.x for one in columns(Scene("t", tuple(cards), tuple(calls))).placed}
    assert placed["a"] < placed["b"] < placed["c"]


def test_an_app_stands_behind_all_that_call_it() -> None:
    names = [f"a{number}" for number in range(30)]
    cards = [Card(f"apps.{name}", "app", name, namespace="n") for name in names]
    calls = [Call(f"apps.{one}", f"apps.{other}", "call", "/") for one, other in combinations(names, 2)]
    placed = columns(Scene("t", tuple(reversed(cards)), tuple(calls))).placed
    assert [one.card.title for one in sorted(placed, key=lambda one: one.x)] == names


def test_nothing_of_the_declaration_is_markup(tmp_path: Path) -> None:
    found = drawn(tmp_path, edited("  chatgpt-mesh:apps:", EXCEPTION.replace("WHY", HOSTILE)))
    root = parsed(svg(found))
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds <= {"svg", "title", "style", "g", "rect", "path", "circle", "text"}
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name.startswith("on") or name.endswith("href") for name in names)
    assert any(HOSTILE in (element.text or "") for element in root.iter())
    said = mermaid(found)
    assert not re.search(r"<(?!br/>)", said)
    assert "#60;#47;title#62;" in said.replace("/", "#47;")
    assert all(line.count('"') % 2 == 0 for line in said.splitlines())


def test_no_secret_is_drawn(tmp_path: Path) -> None:
    """Encrypted settings are not read, keys of issuers and names of Secrets are not drawn."""
    sealed = edited("tools: {forecast", "deny_subjects: [{secure: v1:canary-value}]\n        tools: {forecast")
    keys = '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    found = drawn(tmp_path, edited("jwks_uri: https://k.example", f"jwks: '{keys}'", sealed))
    for said in (svg(found), mermaid(found)):
        assert "canary-value" not in said
        assert "11qYAYKx" not in said
        assert "edge-secret" not in said


def test_a_change_shows_what_differs_and_its_neighbours(tmp_path: Path) -> None:
    before = drawn(tmp_path)
    caller = "- {app: frontend, paths: [/mcp]}"
    new = f"{caller}\n        - {{service_account: batch, namespace: jobs, paths: [/mcp]}}"
    said = changed(before, drawn(tmp_path, edited(caller, new, edited("percent: 5", "percent: 10"))))
    assert '["Callers of other teams<br/>jobs/batch"]' in said
    assert "weather<br/>gone: v1 95 % · v2 5 %<br/>new: v1 90 % · v2 10 %" in said
    assert re.search(r"class n\d+ new", said)
    assert "linkStyle" in said
    assert changed(before, before) == ""


def test_colours_can_be_read() -> None:
    """Contrast of texts as WCAG 2.2 asks for it (1.4.3): 4.5 to 1."""
    for theme in (LIGHT, DARK):
        for ink in ("ink", "muted", "error", "warning", "exception"):
            for paper in ("paper", "card", "frame"):
                assert _contrast(theme[ink], theme[paper]) >= 4.5, (ink, paper, theme[ink])


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_long_names_are_cut_to_their_room() -> None:
    name = "recommendations-for-the-whole-family-orders"
    for cut in (fitted(name, 100, 11), fitted_name(name, 100, 11)):
        assert width(cut, 11) <= 100
        assert "…" in cut
    assert fitted_name(name, 100, 11).endswith("orders"[-4:])
    assert fitted("short", 100, 11) == "short"


def test_the_command_prints_both_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version(tmp_path, "test", STACK)
    stack = str(tmp_path / "Pulumi.test.yaml")
    assert main(["picture", stack]) == 0
    assert capsys.readouterr().out.startswith("<svg ")
    assert main(["picture", stack, "--format", "mermaid", "--namespace", "weather"]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")
    assert main(["picture", stack, "--namespace", "nowhere"]) == 2
    assert "they run in weather" in capsys.readouterr().err
