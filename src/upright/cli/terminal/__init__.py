"""One training, or many, on a terminal or in a log, as it goes."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.cli.terminal.display import listener_for, onlooker_for

__getattr__, __dir__, __all__ = opened(__name__)
