"""A video of a run in memory, for a notebook or a page."""

import tempfile
from pathlib import Path
from typing import Any

from upright.ground import write_new
from upright.runs import Run
from upright.show.html import data_uri
from upright.show.video.recording import draw

MOST_STEPS = 1000


class Replay:
    """A video that shows itself in a notebook.

    Attributes:
        data: The bytes of an .mp4 file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"Replay({len(self.data):,} bytes of mp4)"

    @property
    def uri(self) -> str:
        """The video as a data URI."""
        return data_uri("video/mp4", self.data)

    def save(self, out: str | Path) -> Path:
        """Write a new .mp4 file.

        Raises:
            UprightError: The name is taken, or cannot be written.
        """
        write_new(Path(out), self.data)
        return Path(out)

    def _repr_html_(self) -> str:
        return (
            f'<video controls autoplay loop muted playsinline style="max-width:100%" '
            f'src="{self.uri}"></video>'
        )


def replay(run: Run, max_steps: int | None = None, **options: Any) -> Replay:
    """A video of a run's policy.

    Args:
        run: The run.
        max_steps: Where an episode is left at the latest.
        **options: As `video.draw` takes them.

    Raises:
        UprightError: As `video.draw`.
    """
    with tempfile.TemporaryDirectory(prefix="upright-") as folder:
        out = Path(folder) / "replay.mp4"
        draw(run, out, max_steps=max_steps, **options)
        return Replay(out.read_bytes())
