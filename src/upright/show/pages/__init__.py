"""A run as a page: a report, a playground, a card in a notebook, pictures in its folder."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.show.pages.many import many_card
    from upright.show.pages.media import leave_media
    from upright.show.pages.playground import write_playground
    from upright.show.pages.report import REPORT, card, write_report
    from upright.show.pages.words import media_wanted, shown, told

__getattr__, __dir__, __all__ = opened(__name__)
