"""Which way a policy is shown."""

import signal
import sys
from io import StringIO
from typing import Any

import pytest

from show.playing.test_pace import StillPlayer
from upright.ground.errors import UprightError
from upright.show.playing import blocks, live, player, watching, window
from upright.show.playing.pace import Show
from upright.show.playing.watching import watch


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Chosen:
    """Each way stands there, refused or not; which one was played is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...]) -> None:
        self.played, self.port = "", None
        monkeypatch.setattr(window, "Window", self._way("window", refused))
        monkeypatch.setattr(live, "LivePage", self._way("page", refused))
        monkeypatch.setattr(blocks, "Terminal", self._way("terminal", refused))

    def _way(self, name: str, refused: tuple[str, ...]) -> Any:
        chosen = self

        class Way:
            address = "http://127.0.0.1:1/"

            def __init__(self, show: Show, other: Any = None) -> None:
                if name in refused:
                    raise UprightError(f"no {name} today.")
                chosen.port = other if name == "page" else None

            def play(self) -> None:
                chosen.played = name

        return Way


AUTO = [
    (True, (), True, "window", "since there is a display"),
    (True, ("window",), True, "page", "since no window opens (no window today)"),
    (False, (), False, "page", "since there is no display"),
    (False, ("page",), True, "terminal", "since no page opens (no page today)"),
    (True, ("window", "page"), True, "terminal", "since no page opens (no page today)"),
]


@pytest.mark.parametrize(("display", "refused", "tty", "way", "reason"), AUTO)
def test_auto_takes_the_first_way_that_there_is_and_says_why(
    display: bool,
    refused: tuple[str, ...],
    tty: bool,
    way: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(player, "has_display", lambda: display)
    chosen = Chosen(monkeypatch, refused)
    if tty:
        monkeypatch.setattr(sys, "stdout", Terminal())
    watch(Show(StillPlayer(), "Still"))  # type: ignore[arg-type]
    assert chosen.played == way
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert "ends it" in line


def test_with_no_way_left_the_page_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "has_display", lambda: False)
    Chosen(monkeypatch, ("page",))
    still = StillPlayer()
    with pytest.raises(UprightError, match="no page today"):
        watch(Show(still, "Still"))  # type: ignore[arg-type]
    assert still.closed


def test_a_port_means_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "has_display", lambda: True)
    chosen = Chosen(monkeypatch, ())
    show = Show(StillPlayer(), "Still")  # type: ignore[arg-type]
    watch(show, "auto", 4321)
    assert (chosen.played, chosen.port) == ("page", 4321)
    with pytest.raises(UprightError, match="A window has no port"):
        watch(show, "window", 4321)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_an_error_and_handlers_come_back(
    signum: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [signal.getsignal(each) for each in watching.STOPPING]

    def begin(show: Show, how: str, port: int | None) -> Any:
        return lambda: signal.raise_signal(signum)

    monkeypatch.setattr(watching, "_begin", begin)
    still = StillPlayer()
    watch(Show(still, "Still"))  # type: ignore[arg-type]
    assert capsys.readouterr().err == "Stopped.\n"
    assert still.closed
    assert [signal.getsignal(each) for each in watching.STOPPING] == before


def test_at_the_end_it_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    still = StillPlayer()
    monkeypatch.setattr(watching, "_begin", lambda *words: lambda: None)
    still.returns = [10.0, 20.0]
    watch(Show(still, "Still"))  # type: ignore[arg-type]
    still.returns = [7.0]
    watch(Show(still, "Still"))  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == [
        "2 episodes ended, mean return 15.0.",
        "1 episode ended, mean return 7.0.",
    ]
