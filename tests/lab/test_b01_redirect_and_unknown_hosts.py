"""B01: plain HTTP is redirected to HTTPS; a host that nobody declared does not exist."""

from __future__ import annotations

from typing import Any

from tests.lab.running_lab import RunningLab, fails

UNKNOWN = "unknown.example.org"


def check_redirect(lab: RunningLab) -> None:
    for target in ("/", "/mcp?cursor=a%2Fb&x=1"):
        reply = lab.public.send(f"http://{lab.host}{target}")
        assert (reply.status, reply.header("location")) == (301, f"https://{lab.host}{target}"), str(reply)


def check_unknown_host(lab: RunningLab) -> None:
    plain = lab.public.send(f"http://{UNKNOWN}/mcp")
    assert plain.status == 404, str(plain)
    secured = lab.public.send(f"https://{lab.host}/mcp", headers={"host": UNKNOWN})
    assert secured.status == 404, str(secured)
    other_name = lab.public.send(f"https://{lab.host}/mcp", sni=UNKNOWN)
    assert other_name.status == 0, f"the gateway shows a certificate for any name: {other_name}"


def test_plain_http_is_redirected_to_the_same_url(lab: RunningLab) -> None:
    check_redirect(lab)


def test_an_unknown_host_is_not_found_on_both_ports(lab: RunningLab) -> None:
    check_unknown_host(lab)


def test_it_is_the_redirect_that_redirects(lab: RunningLab) -> None:
    with lab.objects.edited("Gateway", "istio-ingress", "public", _serve_plain_http), fails():
        check_redirect(lab)


def test_it_is_the_host_list_that_hides_other_hosts(lab: RunningLab) -> None:
    with (
        lab.objects.edited("Gateway", "istio-ingress", "public", _serve_any_host),
        lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", lambda o: o["spec"].update(hosts=["*"])),
        fails(),
    ):
        check_unknown_host(lab)


def _serve_plain_http(gateway: dict[str, Any]) -> None:
    for server in gateway["spec"]["servers"]:
        if server["port"]["protocol"] == "HTTP":
            del server["tls"]


def _serve_any_host(gateway: dict[str, Any]) -> None:
    for server in gateway["spec"]["servers"]:
        server["hosts"] = ["*"]
