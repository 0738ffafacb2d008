"""A policy's episodes as a video, or the same ones at several checkpoints."""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from upright.ground import UprightError, ending_of, new_file, write_new
from upright.runs import Run
from upright.show.html import data_uri
from upright.show.playing import Moment, Player
from upright.show.video.encoding import Frame, write_video

Chapter = tuple[str | int, str]
OnProgress = Callable[[float, str], None]
MOST_STEPS = 1000
VIDEO_ENDINGS = (".mp4", ".gif")
MOST_CHAPTERS = 6
HELD_SECONDS = 0.8
LEAST_WIDTH, MOST_PIXELS = 240, 1280


class Replay:
    """A video that shows itself in a notebook; `data` are the bytes of an .mp4 file."""

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


def record(run: Run, out: str | Path, **options: Any) -> Path:
    """A new video file of a run's policy.

    Args:
        run: The run.
        out: A name that ends in .mp4 or .gif.
        **options: As `draw` takes them.

    Raises:
        UprightError: The name is taken or ends otherwise, or as `draw`.
    """
    path = Path(out)
    ending_of(path, VIDEO_ENDINGS)
    with new_file(path) as drawn:
        draw(run, drawn, **options)
    return path


def draw(
    run: Run,
    path: Path,
    *,
    episodes: int = 1,
    checkpoint: str | int = "best",
    timelapse: bool = False,
    seed: int = 0,
    deterministic: bool = True,
    max_steps: int | None = None,
    most_fps: float = math.inf,
    progress: OnProgress = lambda done, label: None,
) -> None:
    """Write a video, in the place of what was there; memory does not grow with its length.

    Args:
        run: The run.
        path: Ends in .mp4 or .gif.
        episodes: How many episodes of each policy.
        checkpoint: As in `Run.policy_at`.
        timelapse: The same episodes at several checkpoints, from untrained to the best.
        seed: Where the episodes' seeds derive from.
        deterministic: The most probable action instead of a drawn one.
        max_steps: Where an episode is left at the latest.
        most_fps: Pictures a second at most; where the environment has more, some are left out.
        progress: Is told, for each picture, the part of all episodes that is done, in [0, 1] (an
            episode that ends before its time limit makes it jump), and who acts.

    Raises:
        UprightError: The run has no such policy, the environment cannot be drawn, or the file
            cannot be written; nothing changed then.
    """
    chapters = _chapters(run) if timelapse else [(checkpoint, "")]
    players = (
        Player(
            run.eval_env, run.policy_at(each), seed=seed, deterministic=deterministic, label=label
        )
        for each, label in chapters
    )
    first = next(players)
    every = max(1, math.ceil(first.fps / most_fps))
    limit = min(max_steps or 1 << 60, first.max_episode_steps or 1 << 60)

    def moments() -> Iterator[Moment]:
        """All of them, the last one of each episode held for a while."""
        for number, player in enumerate(chain([first], players)):
            try:
                for moment in player.play(episodes, max_steps, every):
                    over = moment.action is None
                    done = moment.episode - 1 + (1.0 if over else moment.step / limit)
                    progress((number + done / episodes) / len(chapters), moment.label)
                    yield moment
                    if over:
                        yield from [moment] * round(HELD_SECONDS * player.fps / every)
            finally:
                player.close()

    write_video(path, _of_one_size(map(_captioned, moments())), first.fps / every)


def _chapters(run: Run) -> list[Chapter]:
    """Checkpoints to show, and what to call them: untrained, some between, the policy to use."""
    between, last = run.checkpoints(), "the policy to use"
    with suppress(UprightError):
        verdict = run.verdict()
        judged = verdict.candidate.timesteps
        between = [step for step in between if step < judged]
        last = f"{'solved and verified' if verdict.solved else 'the best'}, after {judged:,} steps"
    if len(between) > MOST_CHAPTERS - 2:
        chosen = np.linspace(0, len(between) - 1, MOST_CHAPTERS - 2).round().astype(int)
        between = [between[n] for n in chosen]
    steps = ((step, f"after {step:,} steps") for step in between)
    return [(0, "untrained"), *steps, ("best", last)]


def _captioned(moment: Moment) -> Frame:
    image = enlarged(moment.image)
    if not moment.label:
        return image
    return caption(image, moment.label, f"return {moment.episode_return:g}")


def _of_one_size(images: Iterator[Frame]) -> Iterator[Frame]:
    """Every picture in the frame of the first one, since a video has one size."""
    from PIL import Image, ImageOps

    frame: tuple[int, int] | None = None
    for image in images:
        size = (image.shape[1], image.shape[0])
        frame = frame or size
        if size != frame:
            image = np.asarray(ImageOps.pad(Image.fromarray(image), frame), np.uint8)
        yield image


def enlarged(image: Frame) -> Frame:
    """A picture of few pixels, each of them repeated, so that it is 240 wide, or as far as fits."""
    times = min(-(-LEAST_WIDTH // image.shape[1]), max(1, MOST_PIXELS // max(image.shape[:2])))
    return image if times == 1 else image.repeat(times, axis=0).repeat(times, axis=1)


def caption(image: Frame, left: str, right: str) -> Frame:
    """The picture with a line of text above it, [height, width, 3] -> [height + strip, ...]."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = image.shape[:2]
    strip = max(22, round(width * 0.06))
    size = strip * 0.62
    font = ImageFont.load_default(size)
    while size > 8 and font.getlength(f"{left}   {right}") > width * 0.96:
        size -= 1
        font = ImageFont.load_default(size)
    canvas = Image.new("RGB", (width, height + strip), "#16181c")
    canvas.paste(Image.fromarray(image), (0, strip))
    draw = ImageDraw.Draw(canvas)
    margin = round(width * 0.02)
    draw.text((margin, strip // 2), left, fill="#ffffff", font=font, anchor="lm")
    draw.text((width - margin, strip // 2), right, fill="#ffffff", font=font, anchor="rm")
    return np.asarray(canvas, np.uint8)
