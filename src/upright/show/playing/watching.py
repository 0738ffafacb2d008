"""A policy that plays, shown in whichever way there is: a window, a page, or the terminal."""

import os
import sys
from collections.abc import Callable

from upright.ground import STOPPING, UprightError, how_many, interrupting
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
        ended = how_many(len(returns), "episode")
        say(f"{ended} ended, mean return {sum(returns) / len(returns):z.1f}.")


def say(text: str) -> None:
    """One line for the person who started it."""
    print(text, file=sys.stderr, flush=True)


def _begin(show: Show, how: str, port: int | None) -> Callable[[], None]:
    """Open a window, a server or the terminal, and say which; what is returned plays."""
    from upright.show.playing.player import has_display

    if port is not None and how not in ("auto", "page"):
        raise UprightError(f"A {how} has no port.", "--port goes with --as page.")
    ways, reason = [how], ""
    if how == "auto" and port is not None:
        ways = ["page"]
    elif how == "auto":
        display = has_display()
        ways = ["window"] * display + ["page"] + ["terminal"] * sys.stdout.isatty()
        reason = f", since there is {'a' if display else 'no'} display"
    for way in ways[:-1]:
        try:
            return _opened(way, show, port, reason)
        except UprightError as error:
            reason = f", since no {way} opens ({error.message.rstrip('.')})"
    return _opened(ways[-1], show, port, reason)


def _opened(way: str, show: Show, port: int | None, reason: str) -> Callable[[], None]:
    address = ""
    if way != "window":  # what an environment draws by SDL is not to be seen
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    if way == "window":
        from upright.show.playing.window import Window

        play, where = Window(show).play, "In a window"
        keys = "space pauses, → steps, + and - change the speed, q ends it"
    elif way == "page":
        from upright.show.playing.live import LivePage

        page = LivePage(show, port)
        play, address, keys = page.play, page.address, "Ctrl-C ends it"
        where = "On a page that this machine alone can open"
    else:
        from upright.show.playing.blocks import Terminal

        play, where = Terminal(show, sys.stdout).play, "In this terminal"
        keys = "q or Ctrl-C ends it, space pauses, n steps"
    say(f"{where}{reason}: {keys}.")
    if address:
        print(address, flush=True)
    return play
