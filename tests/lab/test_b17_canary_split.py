"""B17: the share of the canary is what the stack declares, inside the 99.9 % interval of a binomial draw."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from lab.workloads.request import send_kept_alive
from tests.lab.running_lab import RunningLab, fails

REQUESTS = 2000
PER_SUBJECT = 100
"""Far below any rate limit per subject."""
DRAWS = 2
"""One draw of a right mesh in a thousand is outside its interval; two in a row are one pair in a million."""


def binomial_interval(draws: int, probability: float, confidence: float) -> tuple[int, int]:
    """The smallest central interval of successes that holds at least `confidence` of the distribution."""
    tail = (1 - confidence) / 2
    cumulative, lowest = 0.0, 0
    for successes in range(draws + 1):
        log_weight = (
            math.lgamma(draws + 1)
            - math.lgamma(successes + 1)
            - math.lgamma(draws - successes + 1)
            + successes * math.log(probability)
            + (draws - successes) * math.log1p(-probability)
        )
        cumulative += math.exp(log_weight)
        if cumulative <= tail:
            lowest = successes + 1
        if cumulative >= 1 - tail:
            return lowest, successes
    return lowest, draws


def check_split(lab: RunningLab) -> None:
    rollout = lab.stack.apps["chatgpt-mcp"].rollout
    assert rollout is not None
    assert rollout.canary is not None, "this stack has no canary"
    lowest, highest = binomial_interval(REQUESTS, rollout.canary.percent / 100, 0.999)
    drawn: list[Counter[str]] = []
    while len(drawn) < DRAWS:
        drawn.append(draw(lab))
        assert set(drawn[-1]) <= {rollout.stable, rollout.canary.version}, drawn
        if lowest <= drawn[-1][rollout.canary.version] <= highest:
            return
    raise AssertionError(f"{drawn}, of each {rollout.canary.version} to be from {lowest} to {highest}")


def draw(lab: RunningLab) -> Counter[str]:
    """Which version answers how many of the requests."""
    requests = []
    for subject in range(REQUESTS // PER_SUBJECT):
        token = lab.token(subject=f"split-{subject}")
        requests += [lab.call("ping", token=token)] * PER_SUBJECT
    replies = send_kept_alive(requests, connections=8)
    assert {reply.status for reply in replies} == {200}, Counter(map(str, replies)).most_common(3)
    return Counter(reply.header("x-app-version") for reply in replies)


def test_two_thousand_requests_split_as_declared(lab: RunningLab) -> None:
    check_split(lab)


def test_another_weight_is_noticed(lab: RunningLab) -> None:
    def five_percent_more(service: dict[str, Any]) -> None:
        for route in service["spec"]["http"]:
            weighted = [destination for destination in route.get("route", ()) if "weight" in destination]
            if len(weighted) == 2:
                weighted[0]["weight"] -= 10
                weighted[1]["weight"] += 10

    with lab.objects.edited("VirtualService", lab.namespace, "chatgpt-mcp", five_percent_more), fails():
        check_split(lab)


def test_the_interval_is_exact() -> None:
    """99.9 % of B(2000, 0.05): the tails below 70 and above 132 hold less than 0.05 % each."""
    assert binomial_interval(2000, 0.05, 0.999) == (69, 133)
