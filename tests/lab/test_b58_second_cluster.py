"""B58: with the app in both clusters callers stay in their own; its pods here away, the other cluster answers, by the
gateway between them, without a failed request, and the app's policy sees who called.

Two networks of one cluster stand for two clusters (`tests.lab.two_networks`). What an istiod reads of another cluster,
and by which rights, is in `plugins/test_remote_reader.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.running_lab import eventually, fails, new_id, statuses
from tests.lab.two_networks import APP, HERE, PORT, THERE, Load, TwoNetworks, two_networks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.running_lab import RunningLab

pytestmark = pytest.mark.long

REQUESTS = 40


@pytest.fixture(scope="module")
def networks(lab: RunningLab) -> Iterator[TwoNetworks]:
    with two_networks(lab) as found:
        yield found


def check_own_network(networks: TwoNetworks) -> None:
    test_id = new_id("own")
    assert set(statuses(networks.send(test_id, REQUESTS))) == {200}
    assert networks.answered_in(test_id) == {HERE: REQUESTS, THERE: 0}


def check_other_network(networks: TwoNetworks) -> None:
    test_id = new_id("other")
    assert set(statuses(networks.send(test_id, REQUESTS))) == {200}
    assert networks.answered_in(test_id) == {HERE: 0, THERE: REQUESTS}


def way(networks: TwoNetworks) -> dict[str, int]:
    """Address -> requests of the declared caller's sidecar to the app."""
    caller = networks.lab.pod(networks.lab.namespace, "chatgpt-frontend")
    return caller.host_statistic(f"outbound|8080||{APP}.{APP}.", "rq_total")


def test_callers_stay_in_their_own_network(networks: TwoNetworks) -> None:
    check_own_network(networks)


def test_it_is_the_declared_failover_that_keeps_them_there(networks: TwoNetworks) -> None:
    def take_out(rule: dict[str, Any]) -> None:
        del rule["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"]

    with networks.lab.objects.edited("DestinationRule", APP, APP, take_out), fails():
        check_own_network(networks)


def test_pods_that_go_under_load_cost_no_request(networks: TwoNetworks) -> None:
    test_id = new_id("load")
    with Load(networks, test_id) as load:
        eventually(lambda: load.statuses.total() >= REQUESTS, within=30, what="requests are under way")
        with networks.away(HERE):
            before = load.statuses.total()
            eventually(lambda: load.statuses.total() >= before + REQUESTS, within=30, what="requests go on")
    assert set(load.statuses) == {200}, load.statuses
    assert networks.answered_in(test_id)[THERE] >= REQUESTS


def test_the_other_network_answers_by_the_gateway_between_them(networks: TwoNetworks) -> None:
    with networks.away(HERE):
        check_other_network(networks)
        assert way(networks).keys() == {f"{networks.gateway.ip}:{PORT}"}
    check_own_network(networks)


def test_the_policy_there_sees_who_called(networks: TwoNetworks) -> None:
    with networks.away(HERE):
        test_id = new_id("identity")
        networks.send(test_id, 1)
        (pod,) = networks.pods(THERE)
        (request,) = pod.seen(test_id)
        caller = f"URI=spiffe://cluster.local/ns/{networks.lab.namespace}/sa/chatgpt-frontend"
        assert caller in request["headers"]["x-forwarded-client-cert"]
        stranger = new_id("stranger")
        assert statuses(networks.send(stranger, 3, namespace="other-team", app="reporting")) == [403] * 3
        assert networks.answered_in(stranger) == {HERE: 0, THERE: 0}


def test_it_is_the_policy_that_refuses(networks: TwoNetworks) -> None:
    objects = networks.lab.objects
    policies = ("allow-nothing", f"{APP}-callers")
    with networks.away(HERE), objects.without("AuthorizationPolicy", APP, *policies):
        assert statuses(networks.send("", 1, namespace="other-team", app="reporting")) == [200]


def test_without_the_gateway_there_is_no_way(networks: TwoNetworks) -> None:
    with (
        networks.away(HERE),
        networks.lab.objects.without("Gateway", "istio-eastwest", "istio-eastwestgateway"),
        fails(),
    ):
        check_other_network(networks)


def test_the_gateway_admits_what_is_declared_and_nothing_else(networks: TwoNetworks) -> None:
    assert networks.admitted(f"{APP}.{APP}.svc.cluster.local")
    for app in ("chatgpt-mcp", "chatgpt-api"):
        assert not networks.admitted(f"{app}.{networks.lab.namespace}.svc.cluster.local")
