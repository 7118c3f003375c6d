"""What the checker says of the running mesh's objects is what requests meet: caller x host x method x path x token."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from lab.workloads import request as wire
from lab.workloads.tokens import Sort
from meshlint.environment import Environment
from meshlint.reachability.answer import answer
from meshlint.reachability.request import INTERNET, PLAINTEXT, Answer, Outcome, Request, Token
from meshlint.view.mesh import MeshView
from tests.lab.running_lab import JSON_RPC_HEADERS, RunningLab, fails, marked, new_id

if TYPE_CHECKING:
    from lab.workloads.request import Reply

KINDS = (
    "gateways.networking.istio.io,virtualservices,destinationrules,serviceentries,sidecars,authorizationpolicies,"
    "requestauthentications,peerauthentications,envoyfilters,trafficextensions,services,deployments,namespaces,"
    "serviceaccounts"
)
PATHS = (
    "/mcp",
    "/mcp/",
    "/health",
    "/metrics",
    "/api/v1/orders",
    "/undeclared",
    "/.well-known/oauth-protected-resource",
)
METHODS = ("GET", "POST", "PUT")
BODY = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
CELLS = 100


def objects(lab: RunningLab) -> MeshView:
    """The mesh as the API server has it."""
    found = subprocess.run(
        ["kubectl", "--kubeconfig", str(lab.kubeconfig), "get", KINDS, "--all-namespaces", "--output", "json"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    items: list[dict[str, Any]] = json.loads(found.stdout)["items"]
    return MeshView(items, environment=Environment(), today=datetime.now(UTC).date())


def tokens(lab: RunningLab) -> dict[str, tuple[str, Token | None]]:
    """Tokens as sent, and as the checker is told of them."""
    written = {
        "valid": (lab.token(), True),
        "without scope": (lab.token(scopes=[]), True),
        "foreign issuer": (lab.token(Sort.FOREIGN_ISSUER), True),
        "wrong audience": (lab.token(Sort.WRONG_AUDIENCE), True),
        "expired": (lab.token(Sort.EXPIRED), False),
    }
    told = {
        name: (text, Token(jwt.decode(text, options={"verify_signature": False}), genuine))
        for name, (text, genuine) in written.items()
    }
    return {"none": ("", None), **told}


def agrees(predicted: Answer, reply: Reply, *, arrived: bool) -> bool:
    """Whether what came back is what was said: the app is reached, the mesh answers itself, or nothing comes."""
    if predicted.outcome is Outcome.ALLOWED and predicted.destination:
        return arrived
    if predicted.outcome is Outcome.ALLOWED:
        return not arrived and 200 <= reply.status < 300
    return not arrived and reply.status == predicted.status


def asked_from_outside(lab: RunningLab) -> list[tuple[Request, wire.Request]]:
    return [
        (
            Request(INTERNET, lab.host, path, method, token=told),
            lab.public.request(
                f"https://{lab.host}{path}",
                method=method,
                headers={**JSON_RPC_HEADERS, **({"authorization": f"Bearer {sent}"} if sent else {})},
                body=None if method == "GET" else BODY,
                # A stream of events that is open is an answer; nobody waits for its end.
                timeout=3.0,
            ),
        )
        for path in PATHS
        for method in METHODS
        for sent, told in tokens(lab).values()
    ]


def asked_from_inside(lab: RunningLab, caller: str) -> list[tuple[Request, wire.Request]]:
    host = f"chatgpt-mcp.{lab.namespace}.svc.cluster.local"
    return [
        (
            Request(caller, host, path, method, port=8080),
            wire.Request(
                url=f"http://{host}:8080{path}",
                method=method,
                headers=JSON_RPC_HEADERS,
                body=None if method == "GET" else BODY,
                timeout=3.0,
            ),
        )
        for path in PATHS
        for method in METHODS
    ]


def disagreements(lab: RunningLab, mesh: MeshView, asked: list[tuple[Request, wire.Request]], pod: Any) -> list[str]:
    """The cells in which the mesh did otherwise than the checker says."""
    marks = [new_id("cell") for _ in asked]
    sent = [marked(request, mark) for (_, request), mark in zip(asked, marks, strict=True)]
    replies = pod.send(*sent, parallel=4) if pod is not None else wire.send_all(sent, parallel=4)
    with ThreadPoolExecutor(4) as pool:
        arrived = list(pool.map(lambda mark: bool(lab.seen(mark)), marks))
    wrong: list[str] = []
    for (question, _), reply, reached in zip(asked, replies, arrived, strict=True):
        predicted = answer(mesh, question)
        if not agrees(predicted, reply, arrived=reached):
            wrong.append(f"{question}: said {predicted}; {'arrived' if reached else 'did not arrive'}, {reply}")
    return wrong


@pytest.fixture(scope="module", autouse=True)
def only_connections_under_these_rules(lab: RunningLab) -> None:
    lab.let_kept_connections_go()


def test_clients_outside_meet_what_the_checker_says(lab: RunningLab) -> None:
    asked = asked_from_outside(lab)
    assert len(asked) >= CELLS
    assert not disagreements(lab, objects(lab), asked, None)


@pytest.mark.parametrize(
    ("namespace", "app"), [("", "chatgpt-frontend"), ("", "chatgpt-batch"), ("other-team", "reporting")]
)
def test_callers_inside_meet_what_the_checker_says(lab: RunningLab, namespace: str, app: str) -> None:
    pod = lab.pod(namespace or lab.namespace, app)
    caller = f"{pod.namespace}/{app}"
    assert not disagreements(lab, objects(lab), asked_from_inside(lab, caller), pod)


def test_a_pod_without_a_sidecar_meets_what_the_checker_says(lab: RunningLab) -> None:
    pod = lab.pod("outside-mesh", "plain")
    assert not disagreements(lab, objects(lab), asked_from_inside(lab, PLAINTEXT), pod)


def test_a_mesh_that_is_not_the_one_judged_is_noticed(lab: RunningLab) -> None:
    judged = objects(lab)
    with lab.objects.without("AuthorizationPolicy", lab.namespace, "chatgpt-mcp-callers", "allow-nothing"), fails():
        pod = lab.pod(lab.namespace, "chatgpt-batch")
        assert not disagreements(lab, judged, asked_from_inside(lab, f"{lab.namespace}/chatgpt-batch"), pod)
