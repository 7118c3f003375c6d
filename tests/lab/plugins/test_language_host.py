"""The language host under Pulumi's real CLI: programs, their failures, and what the CLI asks of a host."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.lab


def test_the_plain_commands_run_a_program_with_configuration_and_outputs(offline_project) -> None:
    project = offline_project
    project.pulumi("config", "set", "color", "red")
    project.pulumi("config", "set", "--secret", "password", "c4nary")
    (project.directory / "beside.py").write_text("NAME = 'beside'\n")
    project.program("""
        import beside, os, sys
        config = pulumi.Config()
        print("printed by the program")
        pulumi.export("all", {"color": config.require("color"), "stack": pulumi.get_stack(), "beside": beside.NAME,
            "directory": os.getcwd(), "preview": pulumi.runtime.is_dry_run()})
        pulumi.export("password", config.require_secret("password"))
    """)
    outcome = project.up()
    assert "This is the lab's stand-in for pulumi-language-python" in outcome.output
    assert "printed by the program" in outcome.output
    outputs = json.loads(project.pulumi("stack", "output", "--json").stdout)
    assert outputs["all"] == {
        "color": "red",
        "stack": "test",
        "beside": "beside",
        "directory": str(project.directory),
        "preview": False,
    }
    assert outputs["password"] == "[secret]"
    assert "c4nary" not in outcome.output
    project.pulumi("refresh", "--yes", "--skip-preview")
    project.destroy()


def test_the_preview_leaves_nothing_behind_for_the_update(offline_project) -> None:
    offline_project.program("""
        import sys
        runs = getattr(sys, "runs", 0)
        sys.runs = runs + 1
        pulumi.export("runs", runs)
    """)
    offline_project.pulumi("up", "--yes")
    assert offline_project.outputs() == {"runs": 0}


def test_a_run_error_is_its_message_alone(offline_project) -> None:
    outcome = offline_project.preview('raise pulumi.RunError("apps.x: the port 0 is taken")', fails=True)
    assert "apps.x: the port 0 is taken" in outcome.errors
    assert "Traceback" not in outcome.output


def test_any_other_failure_shows_the_programs_own_frames(offline_project) -> None:
    outcome = offline_project.preview(
        """
        def divide():
            return 1 / 0
        divide()
        """,
        fails=True,
    )
    assert "Program failed with an unhandled exception" in outcome.output
    assert "in divide" in outcome.output
    assert "ZeroDivisionError: division by zero" in outcome.output
    assert "runpy" not in outcome.output
    assert "program.py" not in outcome.output


def test_an_exit_status_of_the_program_is_told(offline_project) -> None:
    assert "The program ended with exit code 3." in offline_project.preview("raise SystemExit(3)", fails=True).output


def test_a_virtual_environment_that_is_named_and_missing_is_told(offline_project) -> None:
    (offline_project.directory / "Pulumi.yaml").write_text(
        "name: plugins\nruntime: {name: python, options: {virtualenv: venv}}\n"
    )
    outcome = offline_project.preview("", fails=True)
    assert "names the virtual environment 'venv'" in outcome.output
    assert "python3 -m venv" in outcome.output


def test_about_names_interpreter_and_packages(offline_project) -> None:
    about = json.loads(offline_project.pulumi("about", "--json").stdout)
    assert "pulumi" in {package["name"] for package in about["dependencies"]}
