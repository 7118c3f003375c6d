"""B33: a wildcard host works for its names and for no others."""

from __future__ import annotations

from lab.workloads.internet import SITES
from tests.lab.running_lab import RunningLab, fails
from tests.lab.test_b31_egress_through_gateway import ask

NAMES = ("storage.googleapis.com", "bigquery.googleapis.com")
LOOKALIKES = ("storage.googleapis.com.example.net", "exfiltration.example.net")


def check_names(lab: RunningLab) -> None:
    pod = lab.pod(lab.namespace, "chatgpt-api")
    gateways = {gateway.ip for gateway in lab.gateway_pods("egress")}
    for name in NAMES:
        reply = ask(pod, name)
        assert reply.status == 200, f"{name}: {reply}"
        assert reply.json()["sni"] == name
        assert reply.json()["peer"] in gateways


def check_others(lab: RunningLab) -> None:
    pod = lab.pod(lab.namespace, "chatgpt-api")
    for name in LOOKALIKES:
        reply = ask(pod, name, verify=False)
        assert reply.status == 0, f"{name} was reached: {reply}"
        by_address = ask(pod, name, address=SITES["googleapis"].address, verify=False)
        assert by_address.status == 0, f"{name} was reached by address: {by_address}"


def test_names_of_the_wildcard_are_reached(lab: RunningLab) -> None:
    check_names(lab)


def test_other_names_are_not(lab: RunningLab) -> None:
    check_others(lab)


def test_it_is_the_wildcards_entry_that_opens(lab: RunningLab) -> None:
    entries = [
        name
        for name in lab.objects.names("ServiceEntry", "istio-egress")
        if "*.googleapis.com" in lab.objects.get("ServiceEntry", "istio-egress", name)["spec"]["hosts"]
    ]
    with lab.objects.without("ServiceEntry", "istio-egress", *entries), fails():
        check_names(lab)
