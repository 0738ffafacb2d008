"""A policy that plays, as a video."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.show.video.encoding import write_video
    from upright.show.video.recording import MOST_STEPS, Replay, draw, record, replay

__getattr__, __dir__, __all__ = opened(__name__)
