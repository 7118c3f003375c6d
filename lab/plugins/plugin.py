"""What every resource plugin stand-in needs: the gRPC server, errors as sentences, and the engine's log."""

from __future__ import annotations

import argparse
import functools
import os
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import grpc
from pulumi.runtime.proto import (
    ResourceProviderServicer,
    engine_pb2,
    engine_pb2_grpc,
    errors_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from lab.plugins.wire import Value, encode_struct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

# One thread per resource that waits (for a Deployment, a deletion) plus those of the charts that wait for them.
MAX_CONCURRENT_CALLS = 128
# The engine's own limit on one message; gRPC's default of 4 MiB is below what large CRDs take.
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", 400 * 1024 * 1024), ("grpc.max_send_message_length", -1)]

Method = TypeVar("Method", bound="Callable[..., Any]")


class PluginError(Exception):
    """A failure that is told to the operator in a sentence."""


class InitializationError(PluginError):
    """The object was written but did not become ready: its state is kept, and the next update tries again."""

    def __init__(self, identifier: str, inputs: Mapping[str, Value], outputs: Mapping[str, Value], reasons: list[str]):
        super().__init__("; ".join(reasons))
        self.identifier = identifier
        self.inputs = inputs
        self.outputs = outputs
        self.reasons = reasons


class InvalidPropertiesError(PluginError):
    """Inputs of a component that are wrong, by property path."""

    def __init__(self, failures: Mapping[str, str]):
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in failures.items()))
        self.failures = failures


class _RichStatus(grpc.Status):
    def __init__(self, code: grpc.StatusCode, message: str, detail: Any) -> None:
        status = status_pb2.Status()
        status.code = code.value[0]
        status.message = message
        status.details.add().Pack(detail)
        self.code = code
        self.details = message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def answers(method: Method) -> Method:
    """Turn what a servicer's method raises into the status that the engine prints."""

    @functools.wraps(method)
    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except InitializationError as failure:
            detail = errors_pb2_init_failed(failure)
            context.abort_with_status(_RichStatus(grpc.StatusCode.UNKNOWN, "Resource did not become ready", detail))
        except InvalidPropertiesError as failure:
            detail = errors_pb2.InputPropertiesError()
            for path, reason in failure.failures.items():
                detail.errors.add(property_path=path, reason=reason)
            context.abort_with_status(_RichStatus(grpc.StatusCode.INVALID_ARGUMENT, "", detail))
        except PluginError as failure:
            context.abort(grpc.StatusCode.UNKNOWN, str(failure))
        except grpc.RpcError as failure:
            # A call back into the engine failed: its own message is the cause, and it has been shown already.
            context.abort(grpc.StatusCode.UNKNOWN, failure.details() or "")
        except Exception as failure:
            traceback.print_exc(file=sys.stderr)
            context.abort(grpc.StatusCode.INTERNAL, f"{type(failure).__name__}: {failure}")
        raise AssertionError("unreachable: abort raises")

    return cast("Method", call)


def errors_pb2_init_failed(failure: InitializationError) -> provider_pb2.ErrorResourceInitFailed:
    return provider_pb2.ErrorResourceInitFailed(
        id=failure.identifier,
        properties=encode_struct(failure.outputs),
        inputs=encode_struct(failure.inputs),
        reasons=failure.reasons,
    )


class EngineLog:
    """The engine's log: what is said here appears under the resource in `pulumi up`."""

    def __init__(self, address: str) -> None:
        self._stub: Any = None
        if address:
            channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
            self._stub = engine_pb2_grpc.EngineStub(channel)
        self._said: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def _log(self, severity: Any, message: str, urn: str, *, ephemeral: bool = False) -> None:
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        try:
            self._stub.Log(request, timeout=5)
        except grpc.RpcError as failure:
            print(f"{message} (the engine's log is gone: {failure})", file=sys.stderr)

    def info(self, message: str, urn: str = "") -> None:
        self._log(engine_pb2.INFO, message, urn)

    def status(self, message: str, urn: str) -> None:
        """A passing word on what is being waited for; it is not kept in the output."""
        self._log(engine_pb2.INFO, message, urn, ephemeral=True)

    def warning(self, message: str, urn: str = "") -> None:
        """Warn, once per resource and message."""
        with self._lock:
            if (urn, message) in self._said:
                return
            self._said.add((urn, message))
        self._log(engine_pb2.WARNING, message, urn)


def handshake_response() -> provider_pb2.ProviderHandshakeResponse:
    return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)


def configure_response() -> provider_pb2.ConfigureResponse:
    return provider_pb2.ConfigureResponse(
        acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
    )


def serve(create: Callable[[str], ResourceProviderServicer], description: str) -> None:
    """Serve a provider until the engine ends the process; print the port on stdout."""
    address = engine_address(description)
    server = grpc.server(ThreadPoolExecutor(max_workers=MAX_CONCURRENT_CALLS), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(create(address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    announce(server, port)


def engine_address(description: str) -> str:
    """The engine's address (host:port) from the command line; empty where a person starts the plugin by hand."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("engine", nargs="?", default="", help="address of Pulumi's engine (host:port)")
    arguments, _ = parser.parse_known_args()
    return arguments.engine


def _end(signum: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the form of a signal's handler
    os._exit(0)


def announce(server: grpc.Server, port: int) -> None:
    """Start serving, tell the engine the port by the first line on stdout, and serve until it says stop."""
    # The engine starts plugins in a process group of their own, so that Ctrl-C does not reach them, and ends them by a
    # SIGINT; it waits five seconds for each that does not go at once.
    signal.signal(signal.SIGINT, _end)
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
