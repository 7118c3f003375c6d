"""A gateway asks a silent client whether it is there, so that no load balancer on the way forgets the connection."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from chatgpt_mesh.mesh.specs.client_keepalive import ClientKeepaliveSpec
from tests.lab.running_lab import fails

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.timing("probes of a silent connection are counted over a few seconds")

SILENCE_SECONDS = 4
EVERY_SECOND = ClientKeepaliveSpec(time=timedelta(seconds=1), interval=timedelta(seconds=1))
_SEGMENTS_RECEIVED = 140
"""Where `struct tcp_info` of linux/tcp.h has tcpi_segs_in."""


def received(connection: socket.socket) -> int:
    """Segments that this end of a connection has received, those without data among them."""
    (count,) = struct.unpack_from(
        "I", connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), _SEGMENTS_RECEIVED
    )
    return count


def declaring(lab: RunningLab, keepalive: ClientKeepaliveSpec | None) -> AbstractContextManager[None]:
    public = lab.stack.gateways["public"].model_copy(update={"keepalive": keepalive})
    return lab.declaring(lab.stack.model_copy(update={"gateways": {**lab.stack.gateways, "public": public}}))


def check_asked(lab: RunningLab) -> None:
    context = ssl.create_default_context(cafile=lab.public.ca_file)
    with (
        socket.create_connection((lab.public.address, 443), timeout=5) as connection,
        context.wrap_socket(connection, server_hostname=lab.host) as client,
    ):
        time.sleep(0.5)  # what belongs to the handshake arrives
        before = received(client)
        time.sleep(SILENCE_SECONDS)
        assert received(client) - before >= SILENCE_SECONDS - 2


def test_a_silent_client_is_asked(lab: RunningLab) -> None:
    with declaring(lab, EVERY_SECOND):
        check_asked(lab)


def test_it_is_the_setting_that_asks(lab: RunningLab) -> None:
    with declaring(lab, None), fails():
        check_asked(lab)
