"""What is shown and at which pace, whatever it is shown in."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # `upright watch --help` reads this file, and loads no PyTorch
    from upright.show.playing.player import Moment, Player

WAYS = ("auto", "window", "page", "terminal")
MIN_SPEED, MAX_SPEED = 0.01, 100.0
FRAME_SECONDS = 1 / 60
HOLD_SECONDS = 0.6
ACTION_NAMES = {
    "Acrobot-v1": ("torque -1", "no torque", "torque +1"),
    "CartPole-v1": ("push left", "push right"),
    "LunarLander-v3": ("nothing", "left engine", "main engine", "right engine"),
    "MountainCar-v0": ("drive left", "coast", "drive right"),
}


class Show(NamedTuple):
    """What is shown.

    Attributes:
        player: Who plays.
        title: What it is, on one line, printable.
        actions: A name for each of the moments' probabilities.
        episodes: How many; None never ends.
        speed: 1 is the environment's own.
    """

    player: "Player"
    title: str
    actions: tuple[str, ...] = ()
    episodes: int | None = None
    speed: float = 1.0

    def probabilities(self, moment: "Moment") -> list[tuple[str, float]]:
        """Each action's name and probability; empty where no policy has them."""
        found = moment.probabilities or ()
        named = len(self.actions) == len(found)
        names = self.actions if named else map(str, range(len(found)))
        return list(zip(names, found, strict=True))


def action_names(env: str, space: Any) -> tuple[str, ...]:
    """What the actions of a Discrete space are called; their numbers, where nothing is known."""
    n, start = int(getattr(space, "n", 0)), int(getattr(space, "start", 0))
    names = ACTION_NAMES.get(env, ())
    return names if len(names) == n else tuple(str(start + index) for index in range(n))


class Pace:
    """When the next moment is due, and what a person wants: pause, single steps, another speed.

    Args:
        fps: Moments per second at speed 1.
        speed: The factor.
        clock: Seconds.
    """

    def __init__(
        self, fps: float, speed: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.fps, self.speed, self._clock = fps, speed, clock
        self.paused = self.stopped = False
        self._steps, self._due, self._drawn = 0, clock(), -math.inf

    def left(self) -> float:
        """Seconds until the next moment is due; infinite where a person has to say so."""
        if self.paused:
            return 0.0 if self._steps else math.inf
        return max(0.0, self._due - self._clock())

    def advance(self, hold: bool = False) -> None:
        """A moment is shown now; `hold` lets it stand, since its episode ended there."""
        self._steps = max(0, self._steps - 1)
        period = 1 / (self.fps * self.speed)
        # One period of lateness is made up for; a slow environment's backlog never is.
        on_time = max(self._due, self._clock() - period)
        self._due = on_time + period + (HOLD_SECONDS / self.speed if hold else 0.0)

    def worth_drawing(self, moment: "Moment") -> bool:
        """Whether anybody could see it: a screen shows no more than sixty a second."""
        now = self._clock()
        if now - self._drawn < FRAME_SECONDS and not (self.paused or moment.end):
            return False
        self._drawn = now
        return True

    def press(self, key: str) -> None:
        """Do what a person wants who pressed this key."""
        match key:
            case "q":
                self.stopped = True
            case " ":
                self.toggle()
            case "n":
                self.step()
            case "+" | "=":
                self.set_speed(self.speed * 2.0)
            case "-":
                self.set_speed(self.speed * 0.5)

    def toggle(self) -> None:
        """Pause, or go on."""
        self.paused, self._steps = not self.paused, 0

    def step(self) -> None:
        """One moment further, and pause there."""
        self.paused = True
        self._steps += 1

    @property
    def status(self) -> str:
        """What a person changed, in a word or two."""
        speed = "" if self.speed == 1 else f"{self.speed:g}×"
        return " ".join(filter(None, ("paused" if self.paused else "", speed)))

    def set_speed(self, speed: float) -> None:
        """Another speed, within the bounds."""
        self.speed = min(max(speed, MIN_SPEED), MAX_SPEED)
        self._due = min(self._due, self._clock() + 1 / (self.fps * self.speed))


def paced(
    moments: "Iterable[Moment]", pace: Pace, wait: Callable[[float], object] = time.sleep
) -> "Iterator[Moment]":
    """The moments, each when it is due, until the pace is stopped.

    Args:
        moments: What is played.
        pace: When each is due.
        wait: Spends at most so many seconds, listening; it may return early and change the pace.
    """
    for moment in moments:
        while not pace.stopped and (left := pace.left()) > 0:
            wait(left)
        if pace.stopped:
            return
        pace.advance(hold=bool(moment.end))
        yield moment
        if pace.stopped:
            return


def play_here(
    show: Show,
    pace: Pace,
    draw: "Callable[[Moment], None]",
    listen: Callable[[float], bool],
) -> None:
    """Play where keys are heard, until the episodes are over or a person ends it.

    Args:
        show: What is shown.
        pace: When each moment is due.
        draw: Shows a moment.
        listen: Answers keys for at most so many seconds; whether what is shown is out of date.
    """
    shown: Moment | None = None

    def wait(seconds: float) -> None:
        if listen(seconds) and shown is not None and not pace.stopped:
            draw(shown)

    for shown in paced(show.player.play(show.episodes), pace, wait):
        wait(0.0)
        if pace.worth_drawing(shown):
            draw(shown)
