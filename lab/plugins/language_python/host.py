"""The language host: answers the CLI's questions about the program, and runs it in a process of its own.

As in Pulumi's own host, each run (the preview, then the update) is a fresh interpreter, so nothing leaks from one to
the other.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions, version
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, cast

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import LanguageRuntimeServicer, language_pb2, language_pb2_grpc, plugin_pb2

from lab.failure import LabError
from lab.plugins.language_python.program import EXIT_FAILURE_WAS_LOGGED
from lab.plugins.plugin import CHANNEL_OPTIONS, EngineLog, announce, engine_address
from lab.screen import Screen
from lab.toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STAND_IN = "This is the lab's stand-in for pulumi-language-python; docs/lab-plugins.md lists the differences."
GENERATOR = "pulumi-sdk"
PROGRAM_RUNNER = Path(__file__).with_name("program.py")


class MissingInterpreterError(Exception):
    """The virtual environment that Pulumi.yaml names has no interpreter."""


def interpreter(info: language_pb2.ProgramInfo) -> str:
    """The interpreter that runs the program: that of `runtime.options.virtualenv` in Pulumi.yaml, else this one.

    Raises MissingInterpreterError when the named environment does not exist.
    """
    options = json_format.MessageToDict(info.options)
    virtualenv = options.get("virtualenv")
    if not virtualenv:
        return sys.executable
    python = Path(info.root_directory, virtualenv, "bin", "python").absolute()
    if not python.exists():
        raise MissingInterpreterError(
            f"Pulumi.yaml names the virtual environment {virtualenv!r} (runtime.options.virtualenv), "
            f"but {python} does not exist. Create it with `python3 -m venv {python.parents[1]}` and install the "
            "requirements into it."
        )
    return str(python)


def program_environment() -> dict[str, str]:
    """This process's environment without what the launcher added to it."""
    environment = dict(os.environ)
    checkout = str(Path(__file__).resolve().parents[3])
    entries = [entry for entry in environment.pop("PYTHONPATH", "").split(os.pathsep) if entry not in ("", checkout)]
    if entries:
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    environment["PYTHONUNBUFFERED"] = "1"  # the program's prints appear in the order in which they happen
    return environment


class LanguageHost(LanguageRuntimeServicer):
    """The service; what only policy packs and debuggers need is left unimplemented."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address
        self._log = EngineLog(engine_address)

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return plugin_pb2.PluginInfo(version=version("pulumi"))

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        """None: plugins are taken from PATH, and nothing is to be fetched."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return language_pb2.GetRequiredPluginsResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return language_pb2.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        return empty_pb2.Empty()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        number = ".".join(map(str, sys.version_info[:3]))
        return language_pb2.AboutResponse(executable=sys.executable, version=number)

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        found = sorted({(d.metadata["Name"], d.version) for d in distributions()})
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=number) for name, number in found]
        )

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802, ARG002
        said = f"Nothing is installed: the lab's language host runs programs with {sys.executable}.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=said.encode())

    def GeneratePackage(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Write a package's SDK with Pulumi's own generator; extra files and local dependencies are not taken."""
        toolchain = Toolchain()
        try:
            toolchain.ensure(("package",), Screen())
        except LabError as failure:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(failure))
        command = [str(toolchain.path(GENERATOR)), "python", request.directory]
        done = subprocess.run(command, input=request.schema, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, done.stderr.strip())
        return language_pb2.GeneratePackageResponse()

    def Link(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802, ARG002
        """Say how a generated SDK gets into the program's environment, since nothing is installed here."""
        paths = [Path(request.info.program_directory, one.path) for one in request.packages]
        said = "\n".join(f"  pip install {path}" for path in paths)
        return language_pb2.LinkResponse(import_instructions=f"Install the SDK yourself:\n\n{said}\n")

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Run the program to its end; the answer says whether it failed, the program's own process says why."""
        try:
            python = interpreter(request.info)
        except MissingInterpreterError as missing:
            return language_pb2.RunResponse(error=str(missing))
        self._log.info(STAND_IN)
        request.args.insert(0, self._engine_address)  # where the program's log messages go
        payload = request.SerializeToString()
        with subprocess.Popen(
            [python, "-P", str(PROGRAM_RUNNER)],
            cwd=request.pwd or None,
            env=program_environment(),
            stdin=subprocess.PIPE,
        ) as process:
            stdin = cast("IO[bytes]", process.stdin)
            context.add_callback(process.terminate)  # the engine gave up on the run
            # The pipe stays open while the run lasts: its end tells the program that this host has gone.
            stdin.write(struct.pack(">Q", len(payload)) + payload)
            stdin.flush()
            status = process.wait()
        if status == 0:
            return language_pb2.RunResponse()
        if status == EXIT_FAILURE_WAS_LOGGED:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"The program ended with exit code {status}.")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Run a plugin that is written in Python, as Pulumi's own host does: its folder is the program."""
        try:
            python = interpreter(request.info)
        except MissingInterpreterError as missing:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(missing))
        with subprocess.Popen(
            [python, request.info.program_directory, *request.args],
            cwd=request.pwd or None,
            env=dict(entry.split("=", 1) for entry in request.env if "=" in entry),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            context.add_callback(process.terminate)  # the engine has no more use for it
            yield from _said(process)
            yield language_pb2.RunPluginResponse(exitcode=process.wait())


def _said(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    """What a plugin prints, as it prints it: the first line is its port, and the engine waits for it."""
    lines: SimpleQueue[Any] = SimpleQueue()

    def pass_on(stream: IO[bytes], response: Callable[[bytes], Any]) -> None:
        for line in stream:
            lines.put(response(line))
        lines.put(None)

    out, err = cast("IO[bytes]", process.stdout), cast("IO[bytes]", process.stderr)
    streams: Mapping[IO[bytes], Callable[[bytes], Any]] = {
        out: lambda line: language_pb2.RunPluginResponse(stdout=line),
        err: lambda line: language_pb2.RunPluginResponse(stderr=line),
    }
    for told in streams.items():
        Thread(target=pass_on, args=told, daemon=True).start()
    for _ in streams:
        while (line := lines.get()) is not None:
            yield line


def serve() -> None:
    """Serve until the CLI ends the process; print the port on stdout first."""
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=CHANNEL_OPTIONS)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine_address(STAND_IN)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    announce(server, port)
