"""A project that uses the wheel: its files, made from a handful of answers, and judged before they are written."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal, get_args

from chatgpt_mesh import __version__
from chatgpt_mesh.components.specs import cert_manager
from chatgpt_mesh.istio_api.version import RELEASE
from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem
from chatgpt_mesh.stack.settings import load_stack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

Kind = Literal["existing-cluster", "gke"]
"""Where the mesh is: on a cluster that is there, or on one of Google's that the stack makes."""

KINDS: tuple[Kind, ...] = get_args(Kind)
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Question:
    """What a project is asked. `default` may name other answers: `{domain}`."""

    name: str
    text: str
    default: str | None = None

    @property
    def option(self) -> str:
        return f"--{self.name.replace('_', '-')}"


COMMON = (
    Question("domain", "domain of the app, such as example.com"),
    Question("issuer", "the authorization server whose tokens the app accepts, such as https://auth.example.com"),
    Question("jwks_uri", "where its keys are, if its discovery document does not say it"),
    Question("app", "name of the app: its host is NAME.DOMAIN, its namespace NAME", "weather"),
    Question("stack", "name of the stack", "dev"),
)
OWN: Mapping[Kind, tuple[Question, ...]] = {
    "existing-cluster": (Question("context", "context of the cluster in your kubeconfig"),),
    "gke": (
        Question("project", "id of the Google Cloud project"),
        Question("project_number", "its number"),
        Question("region", "region of the cluster", "us-central1"),
        Question("zones", "zones of its nodes, three of them, such as us-central1-a, us-central1-b, us-central1-c"),
        Question("email", "whom Let's Encrypt writes to", "platform@{domain}"),
    ),
}


def questions(kind: Kind) -> tuple[Question, ...]:
    return (*OWN[kind], *COMMON)


def answered(kind: Kind, given: Mapping[str, str]) -> dict[str, str]:
    """Every answer, with the defaults of those that were not given.

    Raises:
        InvalidConfig: some have no default; each is named by its option.
    """
    answers = dict(given)
    missing: list[Problem] = []
    # What others are made from has no default that names one of them, so the order of asking does not matter.
    for question in sorted(questions(kind), key=lambda one: "{" in (one.default or "")):
        if question.name in answers:
            continue
        if question.default is None:
            missing.append(Problem(question.option, f"is needed: {question.text}"))
        elif not missing:
            answers[question.name] = question.default.format_map(answers)
    if missing:
        raise InvalidConfig(missing)
    return answers


def files(kind: Kind, answers: Mapping[str, str], name: str) -> dict[str, str]:
    """The project's files by their names, without judging what they say."""
    values = {**answers, "name": name, "version": __version__, "istio": RELEASE, "cert_manager": cert_manager.RELEASE}
    made = {path.stem: Template(path.read_text(encoding="utf-8")) for path in (_TEMPLATES / kind).glob("*.template")}
    renamed = {"stack.yaml": f"Pulumi.{answers['stack']}.yaml", "gitignore": ".gitignore"}
    return {renamed.get(file, file): text.substitute(values) for file, text in sorted(made.items())}


def write(kind: Kind, answers: Mapping[str, str], directory: Path, today: date | None = None) -> list[Path]:
    """Writes a project into a directory, which may be there as long as none of the files is.

    Raises:
        InvalidConfig: the stack that the answers make has a mistake, or a file is there already; nothing is written.
    """
    made = files(kind, answers, directory.resolve().name)
    taken = [Problem(str(directory / name), "is there already; give another directory") for name in made]
    if found := [problem for problem in taken if Path(problem.path).exists()]:
        raise InvalidConfig(found)
    with tempfile.TemporaryDirectory() as place:
        for name, text in made.items():
            (Path(place) / name).write_text(text, encoding="utf-8")
        load_stack(Path(place) / f"Pulumi.{answers['stack']}.yaml", today)
        directory.mkdir(parents=True, exist_ok=True)
        for name in made:
            shutil.copy(Path(place) / name, directory / name)
    return [directory / name for name in made]
