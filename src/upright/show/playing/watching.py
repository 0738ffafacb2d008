"""A policy that plays, shown in whichever way there is: a window, a page, or the terminal."""

import os
import sys
from collections.abc import Callable

from upright.ground import STOPPING, UprightError, interrupting
from upright.show.playing.pace import Show


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
        with interrupting(*STOPPING):
            _begin(show, how, port)()
    except KeyboardInterrupt:
        say("Stopped.")
    finally:
        show.player.close()
    if returns := show.player.returns:
        ended = f"{len(returns)} episode{'s'[: len(returns) > 1]} ended"
        say(f"{ended}, mean return {sum(returns) / len(returns):.1f}.")


def say(text: str) -> None:
    """One line for the person who started it."""
    print(text, file=sys.stderr, flush=True)


def _begin(show: Show, how: str, port: int | None) -> Callable[[], None]:
    """Open a window, a server or the terminal, and say which; what is returned plays."""
    from upright.show.playing.player import has_display

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
    from upright.show.playing.window import Window

    window = Window(show)
    say(_line("In a window", reason, "space pauses, → steps, + and - change the speed, q ends it"))
    return window.play


def _on_page(show: Show, port: int | None, reason: str) -> Callable[[], None]:
    from upright.show.playing.live import LivePage

    _draw_unseen()
    page = LivePage(show, port)
    say(_line("On a page that this machine alone can open", reason, "Ctrl-C ends it"))
    print(page.address, flush=True)
    return page.play


def _in_terminal(show: Show, port: int | None, reason: str) -> Callable[[], None]:
    from upright.show.playing.blocks import Terminal

    _draw_unseen()
    terminal = Terminal(show, sys.stdout)
    say(_line("In this terminal", reason, "q or Ctrl-C ends it, space pauses, n steps"))
    return terminal.play


def _line(where: str, reason: str, keys: str) -> str:
    return f"{', '.join(filter(None, (where, reason)))}: {keys}."


def _draw_unseen() -> None:
    """Let environments that draw by SDL open no display: nothing is to be seen there."""
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
