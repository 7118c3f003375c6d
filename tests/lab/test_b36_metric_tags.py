"""B36: a client makes no new series: a real proxy evaluates the shipped tags on whatever it is sent.

That every expression of every stack compiles in Envoy is in test_envoys_parser.py, and that each has a bounded set of
values in tests/unit/mesh/test_metric_tag_values.py. Here Envoy counts (`lab.istio_metrics`), since the lab's has no
filter of Istio's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from chatgpt_mesh.mesh.objects.mcp_tags import REFUSALS
from lab import istio_metrics
from lab.workloads.request import Request, send_all
from tests.lab.running_lab import RunningLab, eventually, fails, new_id
from tests.unit.mesh.test_metric_tag_values import ERROR, allowed

_SAMPLE = re.compile(r"^envoy_istio_requests_total\{(?P<labels>.*)\} (?P<count>\d+)$", re.MULTILINE)
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
ROUNDS = 12

Tags = Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def tags(lab: RunningLab) -> Tags:
    """Those of the deployed objects."""
    return istio_metrics.tags([lab.objects.get("Telemetry", "istio-system", "mesh-default")])


def series(lab: RunningLab) -> dict[str, int]:
    """Labels of each series of requests at the public gateway, and its count."""
    (gateway,) = lab.gateway_pods("public")
    text = gateway.envoy("/stats/prometheus?filter=istio")
    return {sample["labels"]: int(sample["count"]) for sample in _SAMPLE.finditer(text)}


def hostile(lab: RunningLab) -> list[Request]:
    """Requests whose every header, tool and path is new."""
    token = lab.token()
    made: list[Request] = []
    for _ in range(ROUNDS):
        headers = {name: new_id("x") for name in ("x-chatgpt-model", "x-user-tier", "mcp-name", "user-agent")}
        call = lab.call(token=token, headers=headers, tool=new_id("tool"))
        made += [call, replace(call, headers={**call.headers, "mcp-name": "execute_sql' || 'x"})]
        made.append(replace(call, url=f"https://{lab.host}/{new_id('path')}", body=new_id("body")))
        made.append(lab.call(token=new_id("token"), headers=headers))
    return made


def check_no_new_series(lab: RunningLab) -> dict[str, int]:
    """Series after two rounds of hostile requests, of which the second adds none."""

    def counted(requests: list[Request]) -> dict[str, int]:
        before = sum(series(lab).values())
        replies = send_all(requests, parallel=4)
        assert all(reply.status for reply in replies), replies
        eventually(lambda: sum(series(lab).values()) >= before + len(requests), within=5, what="all are counted")
        return series(lab)

    first = counted(hostile(lab))
    second = counted(hostile(lab))
    assert second.keys() == first.keys(), second.keys() - first.keys()
    return second


def values(found: Mapping[str, int], tag: str) -> set[str]:
    return {dict(_LABEL.findall(labels))[tag] for labels in found}


def test_a_client_makes_no_new_series(lab: RunningLab, tags: Tags) -> None:
    with lab.objects.with_added(istio_metrics.envoy_filter(tags)):
        found = check_no_new_series(lab)
        for name, tag in lab.stack.telemetry.metrics.tags.items():
            if name in tags["REQUEST_COUNT"]:
                assert values(found, name) <= allowed(tag) | {ERROR, "-"}, name
        assert {"none", "wrong_token", "other"} <= values(found, "refusal") <= set(REFUSALS)
        assert values(found, "mcp_tool") <= {"execute_sql", "other", "none"}
        # Listed values are told apart from what is not listed.
        call = lab.call(headers={"x-user-tier": "plus", "x-chatgpt-model": "gpt-5", "mcp-name": "whoami"})
        assert send_all([call])[0].status == 200
        eventually(lambda: "plus" in values(series(lab), "chatgpt_user_tier"), within=5, what="a listed value counts")


def test_it_is_the_list_of_values_that_bounds_them(lab: RunningLab, tags: Tags) -> None:
    opened = {**tags, "REQUEST_COUNT": {**tags["REQUEST_COUNT"], "open": "request.headers['x-user-tier']"}}
    with lab.objects.with_added(istio_metrics.envoy_filter(opened)), fails():
        check_no_new_series(lab)
