"""Every run under a folder as it trains, on one page of this machine."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.show.board.page import show_board

__getattr__, __dir__, __all__ = opened(__name__)
