"""The program without a cluster: how long it takes and how much memory, by number of apps, beside a bare one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.benchmarks import prepare_program, profile, program_time, register_program
from tests.benchmarks.figures import conditions
from tests.benchmarks.series import Plot, Row, span
from tests.surroundings import STACKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.figures import Results

NAME = "program"
PLACES = ("program: registered", "program: prepared", "program: profile", "program: stacks")
_SIZES, _LARGE = (1, 10, 100), (1_000,)
_FEW_APPS = 10
"""Up to here the goals are differences: a ratio by next to nothing says nothing."""
_GOALS = {"prod": "2.5 s"}


def measure(*, large: bool) -> Iterator[Results]:
    """1,000 apps take five minutes; what is asked of the stacks themselves has one size."""
    when = conditions()
    sizes = _LARGE if large else _SIZES
    yield {
        **when,
        "register": register_program.rows(sizes),
        "prepare": prepare_program.rows(sizes),
        "profile": profile.packages() if large else [],
        "stacks": [] if large else [program_time.row(stack) for stack in sorted(STACKS)],
    }


def tables(results: Results) -> dict[str, list[Row]]:
    return {
        "program: registered": [row for found in results["register"] for row in _registered(found)],
        "program: prepared": list(_prepared(results["prepare"])),
        "program: profile": [
            Row(
                what=f"`{found['package']}`",
                figure=f"{found['share']:.0%}, most of it {found['of_it']:.1%} in `{found['most']}`",
                plain="",
                ratio=None,
            )
            for found in results["profile"]
        ],
        "program: stacks": [
            Row(
                what=f"{found['stack']}, {found['resources']} resources",
                goal=_GOALS.get(found["stack"], ""),
                figure=f"{found['seconds']:.2f} s, of it {found['again_seconds']:.2f} s once everything is imported",
                plain=f"{found['bare_seconds']:.2f} s",
                ratio=found["seconds"] / found["bare_seconds"],
            )
            for found in results["stacks"]
        ],
    }


def _apps(found: Results) -> str:
    return "1 app" if found["apps"] == 1 else f"{found['apps']:,} apps"


def _registered(found: Results) -> Iterator[Row]:
    few = found["apps"] <= _FEW_APPS
    yield Row(
        what=f"{_apps(found)}, {found['resources']:,} resources: CPU",
        goal="0.5 s more" if few else "1.5 times",
        figure=f"{found['program_s']:.2f} s",
        plain=f"{found['bare_s']:.2f} s",
        ratio=found["program_s"] / found["bare_s"],
    )
    yield Row(
        what=f"{_apps(found)}: memory",
        goal="60 MiB more" if few else "1.5 times",
        figure=f"{found['program_mib']:,} MiB",
        plain=f"{found['bare_mib']:,} MiB",
        ratio=found["program_mib"] / found["bare_mib"],
    )


def _prepared(rows: list[Results]) -> Iterator[Row]:
    for found in rows:
        largest = found["apps"] == _LARGE[-1]
        together = prepare_program.together(found)
        parts = ", ".join(f"{name.removesuffix('_s')} {span(found[name])}" for name in prepare_program.PARTS)
        yield Row(
            what=f"{_apps(found)}, {found['objects']:,} objects",
            goal="6 s, 1.6 GiB" if largest else "",
            figure=f"{span(together)} ({parts}), {found['mib']:,} MiB",
            plain=span(found["plain_s"]),
            ratio=together / found["plain_s"],
        )
        if largest:
            yield Row(
                what=f"{_apps(found)}: the mesh alone",
                goal="1.5 s",
                figure=f"{found['mesh_s']:.2f} s",
                plain=span(found["plain_s"]),
                ratio=found["mesh_s"] / found["plain_s"],
            )


def plot(results: Results) -> Plot:
    registered, prepared = results["register"], results["prepare"]
    return Plot(
        "The program beside a bare one",
        "apps",
        "seconds of CPU",
        {
            "the program": [(row["apps"], row["program_s"]) for row in registered],
            "a bare program": [(row["apps"], row["bare_s"]) for row in registered],
            "load, mesh, order, checks": [(row["apps"], prepare_program.together(row)) for row in prepared],
            "the finished objects read from YAML": [(row["apps"], row["plain_s"]) for row in prepared],
        },
    )
