"""The Pulumi project that a stack belongs to. What a stack file extends is named relative to it."""

from __future__ import annotations

from pathlib import Path

from chatgpt_mesh.mesh.specs.problem import InvalidConfig, Problem

FILE = "Pulumi.yaml"


def directory(*starts: Path) -> Path:
    """The nearest directory at or above one of `starts` that holds Pulumi.yaml; the first start that has one decides.

    Without `starts`: at or above the working directory, which is the project's own when Pulumi runs the program.

    Raises:
        InvalidConfig: there is none.
    """
    looked = starts or (Path.cwd(),)
    for start in looked:
        for candidate in (start.resolve(), *start.resolve().parents):
            if (candidate / FILE).is_file():
                return candidate
    where = " or ".join(map(str, looked))
    raise InvalidConfig([Problem(FILE, f"is neither in {where} nor above it; go to the folder of the Pulumi project")])


def stack_file(stack: str) -> Path:
    """The file of a stack given by path, or by name in the project of the working directory.

    Raises:
        InvalidConfig: a name, and no project.
    """
    path = Path(stack)
    return path if path.suffix in (".yaml", ".yml") else directory() / f"Pulumi.{stack}.yaml"
