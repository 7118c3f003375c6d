"""A canary goes from share to share, is taken back, or stays where it is."""

from __future__ import annotations

import pytest

from chatgpt_mesh.rollout.engine import EngineError
from chatgpt_mesh.rollout.prometheus import PrometheusAwayError, QueryRefusedError
from chatgpt_mesh.rollout.walk import StoppedError, TakenBackError
from tests.unit.rollout.canary import World

pytestmark = pytest.mark.unit


class TestAGoodCanary:
    def test_goes_to_its_last_share_and_each_is_watched_for_the_pause(self):
        world = World()
        world.walk().go()
        assert world.moves == [5, 50, 100]
        assert world.seconds == 3 * 60

    def test_says_at_each_share_what_it_was_found_good_by(self):
        world = World()
        world.walk().go()
        good = [text for text in world.said if "are good" in text]
        assert [text.split(" % ")[0] for text in good] == ["5", "50", "100"]
        assert "CanaryFailsMoreThanStable 0 %" in good[0]
        assert "CanaryIsSlowerThanStable 20 ms" in good[0]

    def test_goes_on_from_the_declared_share_and_watches_that_first(self):
        world = World(percent=50)
        world.walk().go()
        assert world.moves == [100]
        assert world.seconds == 2 * 60

    def test_goes_on_from_a_share_between_two_steps(self):
        world = World(percent=7)
        world.walk().go()
        assert world.moves == [50, 100]

    def test_that_is_at_the_end_is_watched_once_more(self):
        world = World(percent=100)
        world.walk().go()
        assert (world.moves, world.seconds) == ([], 60)

    def test_is_asked_about_the_time_of_this_share_alone(self):
        """What an earlier try left in Prometheus must not take the next one back."""
        world = World()
        world.walk().go()
        of_first_share = [query for query in world.asked if "[15s]" in query]
        assert of_first_share
        assert not [query for query in world.asked if "[61s]" in query or "[120s]" in query]


class TestABadCanary:
    def test_is_taken_back_and_told_by_guard_number_and_bound(self):
        world = World(fails=lambda percent: 0.125 if percent == 50 else 0.0)
        with pytest.raises(TakenBackError) as told:
            world.walk().go()
        assert world.moves == [5, 50, 0]
        assert str(told.value) == (
            "v2 of chatgpt-mcp was taken back from 50 % to 0 %: "
            "CanaryFailsMoreThanStable is 12.5 % and may be at most 1 %."
        )

    def test_does_not_stay_for_the_whole_pause(self):
        world = World(fails=lambda _: 0.5)
        with pytest.raises(TakenBackError):
            world.walk().go()
        assert world.seconds == 60 / 4

    def test_is_taken_back_from_its_last_share_too(self):
        world = World(fails=lambda percent: 0.5 if percent == 100 else 0.0)
        with pytest.raises(TakenBackError):
            world.walk().go()
        assert world.moves[-1] == 0

    def test_by_a_guard_of_ones_own(self):
        steps = "{percents: [5], pause: 60s, compare: false, guards: {latency: {query: p99, at_most: 10}}}"
        world = World()
        with pytest.raises(TakenBackError, match="latency is 20 and may be at most 10"):
            world.walk(steps).go()

    def test_that_bears_a_guard_at_its_bound_goes_on(self):
        steps = (
            "{percents: [5], pause: 60s, compare: false, guards: {latency: {query: p99, at_most: 20, at_least: 20}}}"
        )
        World().walk(steps).go()


class TestStaysWhereItIs:
    def test_when_interrupted_in_a_pause(self):
        world = World(interrupt_at=90)
        with pytest.raises(StoppedError, match="Interrupted at 50 %"):
            world.walk().go()
        assert world.moves == [5, 50]

    def test_and_goes_on_from_there(self):
        interrupted = World(interrupt_at=90)
        with pytest.raises(StoppedError):
            interrupted.walk().go()
        again = World(percent=interrupted.percent)
        again.walk().go()
        assert again.moves == [100]

    def test_when_prometheus_is_away_and_was_asked_three_times(self):
        world = World(percent=5, away=PrometheusAwayError("nobody there"))
        with pytest.raises(StoppedError, match="Prometheus is away: nobody there"):
            world.walk().go()
        assert world.moves == []
        assert len(world.asked) == 3

    def test_when_prometheus_goes_away_half_way(self):
        world = World()
        world.fails = lambda percent: setattr(world, "away", PrometheusAwayError("gone")) if percent == 50 else 0.0
        with pytest.raises(StoppedError, match="gone"):
            world.walk().go()
        assert world.moves == [5, 50]

    def test_when_there_are_too_few_requests_whatever_they_say(self):
        world = World(requests=99, fails=lambda _: 1.0)
        with pytest.raises(StoppedError, match=r"At 5 % the canary had 99 requests in 180s, and 100"):
            world.walk().go()
        assert (world.moves, world.seconds) == ([5], 180)

    def test_when_pulumi_fails(self):
        world = World(fails_to_move=EngineError("no"))
        with pytest.raises(EngineError):
            world.walk().go()
        assert world.moves == [5]

    def test_and_nothing_is_moved_for_a_question_that_prometheus_does_not_take(self):
        world = World(away=QueryRefusedError("parse error"))
        with pytest.raises(QueryRefusedError):
            world.walk().go()
        assert world.moves == []
