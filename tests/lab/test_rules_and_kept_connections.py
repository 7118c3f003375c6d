"""A rule that is added or tightened holds within seconds, on connections from before it as well.

A proxy takes a changed rule as a new filter chain. A connection from before stays with the old chain while it drains,
which is for as long as the longest call may last; it is closed by the answer to its next request, and that request
still meets the old rule. So callers close what rests.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lab.workloads.request import Connection, send
from tests.lab.running_lab import fails, new_id

if TYPE_CHECKING:
    from tests.lab.running_lab import RunningLab

HOLDS_SECONDS = 5.0
PARALLEL = 12


def closed(lab: RunningLab) -> dict[str, Any]:
    """A rule by which the app's pods answer no POST."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": new_id("closed"), "namespace": lab.namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "chatgpt-mcp"}},
            "action": "DENY",
            "rules": [{"to": [{"operation": {"methods": ["POST"]}}]}],
        },
    }


def kept(lab: RunningLab) -> int:
    """Connections to the app that the gateway keeps."""
    (gateway,) = lab.gateway_pods("public")
    return sum(gateway.host_statistic("chatgpt-mcp.", "cx_active").values())


def statuses_after(lab: RunningLab, seconds: float) -> set[int]:
    """What the app's gateway answers so long after a rule that closes the app."""
    requests = [lab.call("ping", token=lab.token(subject=new_id("kept"))) for _ in range(PARALLEL)]
    for request in requests:
        assert send(request).status == 200
    assert kept(lab), "no connection is kept, so nothing is shown"
    with lab.objects.with_added(closed(lab)):
        time.sleep(seconds)
        return {send(request).status for request in requests for _ in range(2)}


def check_it_holds(lab: RunningLab) -> None:
    assert statuses_after(lab, HOLDS_SECONDS) == {403}


def test_a_rule_holds_for_connections_from_before_it(lab: RunningLab) -> None:
    check_it_holds(lab)


def test_it_is_the_rest_after_which_callers_close_that_makes_it(lab: RunningLab) -> None:
    app = lab.stack.apps["chatgpt-mcp"]
    pool = app.resilience.pool.model_copy(update={"idle_timeout": None})
    resilience = app.resilience.model_copy(update={"pool": pool})
    with lab.declaring_app(resilience=resilience), fails():
        check_it_holds(lab)


def test_a_client_that_keeps_its_connection_to_the_gateway_has_one_more_request(lab: RunningLab) -> None:
    """Said in docs/zero-trust.md: a gateway does not close what clients keep."""
    subject = new_id("denied")
    request = lab.call("ping", token=lab.token(subject=subject))
    auth = lab.auth.model_copy(update={"deny_subjects": (*lab.auth.deny_subjects, subject)})
    with Connection() as connection:
        assert connection.send(request).status == 200
        with lab.declaring_app(auth=auth):
            assert [connection.send(request).status for _ in range(2)] == [200, 403]
            assert send(request).status == 403
