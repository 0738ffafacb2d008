"""Learning curves as a picture."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upright.ground import ending_of, write_new
from upright.runs import Run
from upright.show.curves.curve import (
    AXES,
    EPISODE_RETURN,
    Curve,
    NothingYetError,
    curve_of,
    no_episode,
)
from upright.show.curves.drawing import (
    TITLE_LETTER,
    add_legend,
    draw_one,
    draw_several,
    draw_thresholds,
    furnish,
    in_lines,
    mark_verified,
    name_in_lines,
)
from upright.show.curves.groups import LONGEST_NAME, abbreviated, grouped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people can tell apart, the palest two left out.
ON_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
ON_DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00")
# How lines of a colour that comes again differ.
ROUNDS = ("solid", (0, (6, 1)), (0, (6, 1, 1, 1)))
PICTURE_ENDINGS = (".png", ".svg")
SIZE, NARROW, DPI = (8.0, 4.8), (4.4, 4.6), 150
MOST_ENVS = 3
LONGEST_METRIC, LONGEST_TITLE = 60, 160
TITLE_LINE = 0.26
LIGHT = {"ink": "#1a1a1a", "faint": "#8a8a8a", "grid": "#e3e3e3", "paper": "#ffffff"}
DARK = {"ink": "#e8e8e8", "faint": "#8f8f8f", "grid": "#363a40", "paper": "#16181c"}


class Picture:
    """A drawn plot, which shows itself in a notebook and never opens a window.

    Attributes:
        figure: The matplotlib figure, for whoever wants to change it.
        notes: Sentences about runs of which there is no curve in it.
    """

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure
        self.notes: list[str] = []

    def data(self, kind: str) -> bytes:
        """The picture as the bytes of a "png" or an "svg" file."""
        with quietly():
            buffer = io.BytesIO()
            options: dict[str, Any] = {"metadata": {"Date": None}} if kind == "svg" else {}
            self.figure.savefig(buffer, format=kind, dpi=DPI, **options)
        return buffer.getvalue()

    def save(self, out: str | Path) -> Path:
        """Write a new .png or .svg file.

        Raises:
            UprightError: The name ends otherwise, is taken, or cannot be written.
        """
        path = Path(out)
        write_new(path, self.data(ending_of(path, PICTURE_ENDINGS)[1:]))
        return path

    def _repr_png_(self) -> bytes:
        return self.data("png")


def plot(
    runs: Sequence[Run],
    metric: str | None = None,
    axis: str = "timesteps",
    smooth: int = 0,
    dark: bool = False,
    size: tuple[float, float] = SIZE,
) -> Picture:
    """The learning curves of one or more runs; those of the same settings become one mean.

    Args:
        runs: At least one.
        metric: A name in metrics.jsonl; None for the return of every training episode.
        axis: "timesteps", "seconds" or "episodes".
        smooth: How many values a smoothed one is the mean of; 0 chooses.
        dark: Light ink on dark paper.
        size: Width and height in inches; the letters stay as large, and a legend of more than two
            rows is added to the height.

    Raises:
        UprightError: There is nothing to draw, or no such metric or axis.
    """
    curves: dict[Run, Curve] = {}
    early: list[NothingYetError] = []
    for run in runs:
        try:
            curves[run] = curve_of(run, metric, axis, smooth)
        except NothingYetError as error:
            early.append(error)
    if early and not curves:
        raise early[0]
    envs = list(dict.fromkeys(run.record.env for run in curves))
    more = f" and {len(envs) - MOST_ENVS} more" if len(envs) > MOST_ENVS else ""
    title = ", ".join(abbreviated(env, LONGEST_NAME) for env in envs[:MOST_ENVS]) + more
    drawn = picture(list(curves.values()), title, dark, size)
    drawn.notes = [error.message for error in early]
    drawn.notes += [no_episode(run) for run, curve in curves.items() if not len(curve.x)]
    return drawn


def picture(
    curves: Sequence[Curve], title: str, dark: bool = False, size: tuple[float, float] = SIZE
) -> Picture:
    """Curves that were read already, as `plot` draws them."""
    groups = grouped(curves)
    alone = len(groups) == 1
    ink, colours = (DARK, ON_DARK) if dark else (LIGHT, ON_LIGHT)
    title = in_lines(abbreviated(title, LONGEST_TITLE), size[0] - 1.0, TITLE_LETTER)
    height = size[1] + TITLE_LINE * title.count("\n")
    with quietly():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(size[0], height), layout="constrained", facecolor=ink["paper"])
        axes = figure.add_subplot()
        _labelled(axes, groups[0][1][0], title, ink, size[1] - 1.8)
        for number, (name, group) in enumerate(groups):
            colour = colours[number % len(colours)]
            draw = draw_one if len(group) == 1 else draw_several
            dashes = ROUNDS[number // len(colours) % len(ROUNDS)]
            draw(axes, group, colour, dashes, name_in_lines(name, size[0]), alone)
            mark_verified(axes, group, colour, ink)
        drawn = [curve for _, group in groups for curve in group]
        draw_thresholds(axes, drawn, ink, size[0])
        add_legend(figure, ink, alone)
    return Picture(figure)


@contextmanager
def quietly() -> Iterator[None]:
    """Matplotlib without its remarks on fonts and caches."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _labelled(axes: "Axes", first: Curve, title: str, ink: dict[str, str], room: float) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    furnish(axes, title, AXES[first.axis][0], ink, (15, 13, 12), "bold")
    unit = " (sum of rewards)" if first.metric == EPISODE_RETURN else ""
    name = in_lines(abbreviated(first.metric, LONGEST_METRIC) + unit, room)
    axes.set_ylabel(name, fontsize=13, color=ink["ink"])
    if first.axis != "seconds":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_major_locator(
            MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1)
        )
