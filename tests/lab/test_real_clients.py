"""Clients as people install them complete OAuth and a tool call, and are told nothing but the URL."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.lab.real_clients.installed import node, npm_clients, pypi_clients
from tests.lab.real_clients.machine import Machine, machine
from tests.lab.running_lab import RunningLab, fails

TOOL = "whoami"
MODERN = "2026-07-28"
GIVEN_UP_SECONDS = 20.0


@pytest.fixture(scope="module")
def npm() -> Path:
    return npm_clients()


def typescript(npm: Path, program: str, url: str, *mode: str) -> list[str]:
    return [str(node(npm)), str(npm / program), url, TOOL, *mode]


def subject(printed: str) -> str:
    """Who the server took the caller for, in what a client printed of the tool's result."""
    result: dict[str, Any] = json.loads(printed)
    return result.get("result", result)["structuredContent"]["subject"]


def check_login(lab: RunningLab, own: Machine, command: list[str], **settings: float) -> None:
    assert subject(own.run(command, **settings)) == "user-1"


def test_the_typescript_sdk_of_the_legacy_era(lab: RunningLab, npm: Path, tmp_path: Path) -> None:
    check_login(lab, machine(lab, tmp_path), typescript(npm, "sdk-v1.mjs", lab.mcp_url))


@pytest.mark.parametrize("mode", ["legacy", "auto", MODERN])
def test_the_typescript_sdk_of_both_eras(lab: RunningLab, npm: Path, tmp_path: Path, mode: str) -> None:
    check_login(lab, machine(lab, tmp_path), typescript(npm, "sdk-v2.mjs", lab.mcp_url, mode))


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector(lab: RunningLab, npm: Path, tmp_path: Path, era: str) -> None:
    inspector = [str(node(npm)), str(npm / "node_modules" / ".bin" / "mcp-inspector"), "--cli", "--quiet"]
    call = ["--method", "tools/call", "--tool-name", TOOL, "--format", "json", "--protocol-era", era]
    check_login(lab, machine(lab, tmp_path), [*inspector, lab.mcp_url, *call])


def test_mcp_remote(lab: RunningLab, npm: Path, tmp_path: Path) -> None:
    """It lets a program that speaks to processes alone reach the server: here the Python SDK."""
    own = machine(lab, tmp_path)
    command, *arguments = own.command([str(node(npm)), str(npm / "node_modules" / ".bin" / "mcp-remote"), lab.mcp_url])
    process = StdioServerParameters(command=command, args=arguments, env=own.environment, cwd=own.home)

    async def called() -> Any:
        async with asyncio.timeout(60), Client(stdio_client(process)) as client:
            return (await client.call_tool(TOOL, {})).structured_content

    assert asyncio.run(called())["subject"] == "user-1"


@pytest.mark.parametrize("mode", ["legacy", MODERN])
def test_the_python_sdk(lab: RunningLab, tmp_path: Path, mode: str) -> None:
    program = str(pypi_clients() / "python_sdk.py")
    check_login(lab, machine(lab, tmp_path), [sys.executable, program, lab.mcp_url, TOOL, mode])


def test_fastmcp(lab: RunningLab, tmp_path: Path) -> None:
    clients = pypi_clients()
    python, program = str(clients / "venv" / "bin" / "python"), str(clients / "fastmcp_client.py")
    check_login(lab, machine(lab, tmp_path), [python, program, lab.mcp_url, TOOL])


def test_it_is_the_login_that_lets_them_in(lab: RunningLab, npm: Path, tmp_path: Path) -> None:
    own = machine(lab, tmp_path, consents=False)
    with fails():
        check_login(lab, own, typescript(npm, "sdk-v1.mjs", lab.mcp_url), timeout=GIVEN_UP_SECONDS)
