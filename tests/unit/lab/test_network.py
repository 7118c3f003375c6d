"""Addresses and ports: who holds what, in a sentence."""

from __future__ import annotations

import ipaddress
import json

import pytest

from lab import network
from lab.failure import LabError
from lab.network import Listener, parse_listeners, require_ports

SS = """\
LISTEN 0 4096 10.244.0.1:16443 0.0.0.0:* users:(("kube-apiserver",pid=412,fd=3))
LISTEN 0 4096 127.0.0.1:12379 0.0.0.0:* users:(("etcd",pid=77,fd=7))
LISTEN 0 4096 [::1]:8080 [::]:* users:(("python3",pid=99,fd=4),("python3",pid=100,fd=4))
LISTEN 0 4096 *:10250 *:*
"""


def test_listeners_are_read_with_their_processes() -> None:
    assert parse_listeners(SS) == [
        Listener(16443, 412, "kube-apiserver"),
        Listener(12379, 77, "etcd"),
        Listener(8080, 99, "python3"),
        Listener(10250, 0, "an unknown process"),
    ]


def test_a_taken_port_is_named_with_its_holder_and_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "listeners", lambda: [Listener(16443, 0, "nginx"), Listener(8080, 99, "python3")])
    with pytest.raises(LabError, match=r"16443 \(for kube-apiserver\) by nginx, pid 0\. End those processes"):
        require_ports(set())


def test_every_taken_port_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "listeners", lambda: parse_listeners(SS))
    with pytest.raises(LabError, match=r"10250 .*; 12379 .*; 16443 "):
        require_ports(set())


def test_the_labs_own_processes_may_hold_its_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "listeners", lambda: [Listener(16443, 412, "kube-apiserver")])
    require_ports({412})


@pytest.mark.parametrize(
    ("routes", "sentence"),
    [
        (
            '[{"dst": "10.0.0.0/8", "dev": "tun0"}]',
            r"10\.244\.0\.0/24, which the lab gives to pods.*route 10\.0\.0\.0/8 through tun0",
        ),
        ('[{"dst": "10.0.0.0/24", "dev": "eth0"}]', r"10\.0\.0\.0/24, which the lab gives to Services.*through eth0"),
    ],
)
def test_a_network_in_use_is_named_with_its_route(monkeypatch: pytest.MonkeyPatch, routes: str, sentence: str) -> None:
    monkeypatch.setattr(network, "ip", lambda *_: routes)
    with pytest.raises(LabError, match=sentence):
        network.require_networks_free()


def test_default_routes_and_other_networks_are_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    destinations = ("default", "192.0.2.0/24", "fd00::/64")
    routes = json.dumps([{"dst": destination, "dev": "eth0"} for destination in destinations])
    monkeypatch.setattr(network, "ip", lambda *_: routes)
    network.require_networks_free()


def test_the_fixed_addresses_are_in_their_networks() -> None:
    services = ipaddress.ip_network(network.SERVICE_NETWORK)
    assert ipaddress.ip_address(network.API_SERVICE_ADDRESS) == services[1]
    assert ipaddress.ip_address(network.DNS_ADDRESS) in services
    assert ipaddress.ip_address(network.NODE_ADDRESS) in ipaddress.ip_network(network.POD_NETWORK)
