"""Runs one Pulumi program to its end, in the interpreter of its virtual environment.

A script of its own, since that environment need not have the lab in it. It reads the run's request from stdin.
"""

from __future__ import annotations

import asyncio
import logging
import os
import runpy
import signal
import struct
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulumi.runtime.proto import language_pb2

ENGINE_HAS_ENDED = "resource monitor shut down"  # after an error that the engine has told
EXIT_FAILURE_WAS_LOGGED = 32  # as in Pulumi's own host: the engine has the message already


def read_request() -> language_pb2.RunRequest:
    """The request from stdin; its first argument is the engine's address.

    Afterwards the end of stdin means that the host has gone, and ends this process.
    """
    from pulumi.runtime.proto import language_pb2

    (size,) = struct.unpack(">Q", sys.stdin.buffer.read(8))
    request = language_pb2.RunRequest()
    request.ParseFromString(sys.stdin.buffer.read(size))

    def end_with_host() -> None:
        sys.stdin.buffer.read()
        os._exit(EXIT_FAILURE_WAS_LOGGED)

    threading.Thread(target=end_with_host, daemon=True).start()
    return request


def entry_point(request: language_pb2.RunRequest) -> Path:
    """The file or directory to run: what Pulumi.yaml's `main` names, else the directory of the program."""
    directory = Path(request.info.program_directory or request.pwd or ".")
    name = request.info.entry_point
    return directory if name in ("", ".") else directory / name


def run(request: language_pb2.RunRequest) -> int:
    """Run the program against the engine; the exit status, after every failure has been logged there."""
    import grpc
    from pulumi import log
    from pulumi.errors import RunError
    from pulumi.runtime import reset_options, run_in_stack, set_all_config

    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # tasks that fail after the program has failed say nothing new
    reset_options(
        project=request.project,
        monitor_address=request.monitor_address,
        engine_address=request.args[0],
        stack=request.stack,
        parallel=request.parallel,
        preview=request.dryRun,
        organization=request.organization or "organization",
    )
    set_all_config(dict(request.config), list(request.configSecretKeys))
    program = entry_point(request)
    sys.path.insert(0, str(program if program.is_dir() else program.parent))
    sys.argv = [str(program), *request.args[1:]]
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(request.parallel, 1) * 4))
    try:
        loop.run_until_complete(run_in_stack(lambda: _run_file(program)))
    except RunError as failure:
        log.error(str(failure))  # a failure meant for the operator: its message alone
        return EXIT_FAILURE_WAS_LOGGED
    except grpc.RpcError as failure:
        code: Any = failure.code()
        if code == grpc.StatusCode.UNAVAILABLE:
            return EXIT_FAILURE_WAS_LOGGED  # the engine has ended the run and said why
        log.error(f"The engine refused a request: {failure.details()}")
        return EXIT_FAILURE_WAS_LOGGED
    except KeyboardInterrupt:
        return EXIT_FAILURE_WAS_LOGGED
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException as failure:
        if ENGINE_HAS_ENDED in str(failure):
            return EXIT_FAILURE_WAS_LOGGED
        log.error(f"Program failed with an unhandled exception:\n{_program_traceback(failure)}")
        return EXIT_FAILURE_WAS_LOGGED
    finally:
        _close(loop)
    return 0


def _run_file(program: Path) -> None:
    runpy.run_path(str(program), run_name="__main__")


def _program_traceback(failure: BaseException) -> str:
    """The traceback from the program's own first frame on."""
    frames = traceback.extract_tb(failure.__traceback__)
    inner = [
        i for i, frame in enumerate(frames) if frame.filename.endswith("runpy.py") or frame.filename == "<frozen runpy>"
    ]
    text = traceback.TracebackException.from_exception(failure)
    if inner:
        text.stack = traceback.StackSummary.from_list(frames[inner[-1] + 1 :])
    return "".join(text.format()).rstrip()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the host, whose end closes stdin
    status = run(read_request())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of the SDK may still wait for an engine that has gone
