"""A policy that plays, in a window, on a page, or in the terminal."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.show.playing.opening import at_random, show_of
    from upright.show.playing.pace import MAX_SPEED, MIN_SPEED, WAYS
    from upright.show.playing.player import Moment, Player, has_display
    from upright.show.playing.watching import watch
    from upright.show.playing.window import open_display

__getattr__, __dir__, __all__ = opened(__name__)
