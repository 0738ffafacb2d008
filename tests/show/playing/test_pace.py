"""When each moment is due, and what it is called."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from upright.show.playing.pace import (
    HOLD_SECONDS,
    MAX_SPEED,
    MIN_SPEED,
    Pace,
    Show,
    action_names,
    paced,
)
from upright.show.playing.player import Moment

IMAGE = np.zeros((4, 6, 3), np.uint8)


def moment(step: int = 0, end: str = "", probabilities: Any = None) -> Moment:
    return Moment(IMAGE, 1, step, None, 1.0, float(step), 0, probabilities, None, end, "step 8")


class StillPlayer:
    """Stands in for a player; a way that is only chosen plays nothing."""

    fps, closed = 50.0, False
    returns: list[float] = []  # noqa: RUF012

    def play(self, episodes: int | None) -> Iterator[Moment]:
        return iter(())

    def close(self) -> None:
        self.closed = True


class Clock:
    """A clock that moves when somebody waits, or is slow."""

    def __init__(self) -> None:
        self.now, self.waits = 100.0, list[float]()

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def times(clock: Clock, pace: Pace, moments: Iterator[Moment]) -> list[float]:
    return [round(clock.now - 100.0, 6) for _ in paced(moments, pace, clock.wait)]


@pytest.mark.parametrize(("speed", "period"), [(1.0, 0.1), (4.0, 0.025), (0.5, 0.2)])
def test_moments_come_at_the_frame_rate_times_the_speed(speed: float, period: float) -> None:
    clock = Clock()
    due = times(clock, Pace(10.0, speed, clock), (moment(n) for n in range(5)))
    assert due == pytest.approx([period * n for n in range(5)])


def test_a_little_lateness_is_made_up_for() -> None:
    clock = Clock()

    def moments() -> Iterator[Moment]:
        for n in range(6):
            clock.now += 0.15 if n == 2 else 0.0
            yield moment(n)

    assert times(clock, Pace(10.0, 1.0, clock), moments()) == pytest.approx(
        [0.0, 0.1, 0.25, 0.3, 0.4, 0.5]
    )


def test_a_long_stop_is_followed_by_no_burst() -> None:
    clock = Clock()

    def moments() -> Iterator[Moment]:
        for n in range(6):
            clock.now += 7.0 if n == 2 else 0.0
            yield moment(n)

    due = times(clock, Pace(10.0, 1.0, clock), moments())
    gaps = np.diff(due)[2:]
    assert due[2] == pytest.approx(7.1)
    assert gaps.tolist() == pytest.approx([0.0, 0.1, 0.1])


def test_the_end_of_an_episode_stands_for_a_while() -> None:
    clock = Clock()
    shown = times(
        clock, Pace(10.0, 2.0, clock), iter([moment(), moment(1, "terminated"), moment()])
    )
    assert shown == pytest.approx([0.0, 0.05, 0.1 + HOLD_SECONDS / 2])


def test_a_pause_shows_nothing_but_single_steps() -> None:
    clock = Clock()
    pace = Pace(10.0, 1.0, clock)
    pace.toggle()
    asked = []

    def wait(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) < 3:
            pace.step()
        else:
            pace.stopped = True

    assert len(list(paced((moment(n) for n in range(9)), pace, wait))) == 2
    assert asked == [math.inf] * 3
    assert pace.status == "paused"


def test_going_on_needs_no_catching_up() -> None:
    clock = Clock()
    pace = Pace(10.0, 1.0, clock)
    pace.toggle()

    def wait(seconds: float) -> None:
        clock.now += 1000.0 if pace.paused else seconds
        pace.paused = False

    shown = [clock.now for _ in paced((moment(n) for n in range(4)), pace, wait)]
    assert np.diff(shown).tolist() == pytest.approx([0.0, 0.1, 0.1])


def test_the_speed_keeps_within_its_bounds_and_takes_effect_at_once() -> None:
    clock = Clock()
    pace = Pace(0.1, 1.0, clock)
    pace.advance()
    assert pace.left() == pytest.approx(10.0)
    pace.set_speed(10.0)
    assert pace.left() == pytest.approx(1.0)
    for _ in range(40):
        pace.press("+")
    assert pace.speed == MAX_SPEED
    assert pace.status == "100×"
    pace.set_speed(1e-9)
    assert pace.speed == MIN_SPEED


def test_a_screen_is_not_drawn_more_often_than_it_shows() -> None:
    clock = Clock()
    pace = Pace(1000.0, 1.0, clock)
    drawn = 0
    for each in paced((moment(n) for n in range(1000)), pace, clock.wait):
        drawn += pace.worth_drawing(each)
    assert 50 <= drawn <= 61
    assert pace.worth_drawing(moment(end="terminated"))


def test_actions_have_names_or_numbers() -> None:
    assert action_names("CartPole-v1", Discrete(2)) == ("push left", "push right")
    assert action_names("CartPole-v1", Discrete(3)) == ("0", "1", "2")
    assert action_names("Unknown-v0", Discrete(2, start=-1)) == ("-1", "0")
    assert action_names("Unknown-v0", object()) == ()


def test_probabilities_without_fitting_names_get_numbers() -> None:
    show = Show(StillPlayer(), "Still", ("a",))  # type: ignore[arg-type]
    assert show.probabilities(moment(probabilities=(0.25, 0.75))) == [("0", 0.25), ("1", 0.75)]
    assert show.probabilities(moment()) == []
