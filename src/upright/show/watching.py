"""A policy that plays, shown in whichever way there is: a window, a page, or the terminal."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from upright.errors import UprightError
from upright.signals import STOPPING

if TYPE_CHECKING:  # `upright watch --help` reads this file, and loads no PyTorch
    from upright.show.player import Moment, Player

WAYS = ("auto", "window", "page", "terminal")
MIN_SPEED, MAX_SPEED = 0.01, 100.0
REFRESH_SECONDS = 1 / 60
HOLD_SECONDS = 0.6
ACTION_NAMES = {
    "Acrobot-v1": ("torque -1", "no torque", "torque +1"),
    "CartPole-v1": ("push left", "push right"),
    "LunarLander-v3": ("nothing", "left engine", "main engine", "right engine"),
    "MountainCar-v0": ("push left", "nothing", "push right"),
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

    def pace(self) -> "Pace":
        """A pace of the environment's own frame rate."""
        return Pace(self.player.fps, self.speed)

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
        if now - self._drawn < REFRESH_SECONDS and not (self.paused or moment.end):
            return False
        self._drawn = now
        return True

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

    def change_speed(self, faster: bool) -> None:
        """Twice the speed, or half of it."""
        self.set_speed(self.speed * (2.0 if faster else 0.5))

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


def watch(show: Show, how: str = "auto", port: int | None = None) -> None:
    """Show it until its episodes are over, or a person ends it; then its player is closed.

    Args:
        show: What is shown.
        how: window, page, terminal, or auto: a window where there is a display, else a page on
            127.0.0.1, else this terminal.
        port: The page's; None takes a free one.

    Raises:
        UprightError: It cannot be shown that way, or the environment fails.
    """
    try:
        with _signals_end_it():
            _begin(show, how, port)()
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        show.player.close()


def say(text: str) -> None:
    """One line for the person who started it."""
    print(text, file=sys.stderr, flush=True)


def _begin(show: Show, how: str, port: int | None) -> Callable[[], None]:
    """Open a window, a server or the terminal, and say which; what is returned plays."""
    from upright.show.player import has_display

    begin = {"window": _in_window, "page": _on_page, "terminal": _in_terminal}
    if port is not None and how == "auto":
        how = "page"
    if port is not None and how != "page":
        raise UprightError(f"A {how} has no port.", "--port goes with --as page.")
    if how != "auto":
        return begin[how](show, port, "")
    reason = "since there is no display"
    if has_display():
        try:
            return _in_window(show, None, "since there is a display")
        except UprightError as error:
            reason = f"since no window opens ({error.message.rstrip('.')})"
    try:
        return _on_page(show, None, reason)
    except UprightError as error:
        if not sys.stdout.isatty():
            raise
        return _in_terminal(show, None, f"since no page opens ({error.message.rstrip('.')})")


def _in_window(show: Show, port: int | None, reason: str) -> Callable[[], None]:
    from upright.show.window import Window

    window = Window(show)
    say(_line("In a window", reason, "space pauses, → steps, + and - change the speed, q ends it"))
    return window.play


def _on_page(show: Show, port: int | None, reason: str) -> Callable[[], None]:
    from upright.show.live import LivePage

    _draw_unseen()
    page = LivePage(show, port)
    say(_line("On a page that this machine alone can open", reason, "Ctrl-C ends it"))
    print(page.address, flush=True)
    return page.play


def _in_terminal(show: Show, port: int | None, reason: str) -> Callable[[], None]:
    from upright.show.blocks import Terminal

    _draw_unseen()
    terminal = Terminal(show, sys.stdout)
    say(_line("In this terminal", reason, "q or Ctrl-C ends it, space pauses, n steps"))
    return terminal.play


def _line(where: str, reason: str, keys: str) -> str:
    return f"{', '.join(filter(None, (where, reason)))}: {keys}."


def _draw_unseen() -> None:
    """Let environments that draw by SDL open no display: nothing is to be seen there."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """The first Ctrl-C or SIGTERM is a KeyboardInterrupt; a second one leaves at once."""

    def end(signum: int, frame: FrameType | None) -> NoReturn:
        for each in STOPPING:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt

    before = {signum: signal.signal(signum, end) for signum in STOPPING}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler if handler is not None else signal.SIG_DFL)
