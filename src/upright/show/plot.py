"""Learning curves as a picture."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upright.files import ending_of, write_new
from upright.run import Run
from upright.show.curves import AXES, Curve, curve_of, mean_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind people can tell apart, the palest two left out.
ON_LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
ON_DARK = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00")
FORMATS = (".png", ".svg")
SIZE, NARROW, DPI = (8.0, 4.8), (4.4, 4.6), 150
MOST_POINTS = 20_000
REST = "mean of those that went on"
LIGHT = {"ink": "#1a1a1a", "faint": "#8a8a8a", "grid": "#e3e3e3", "paper": "#ffffff"}
DARK = {"ink": "#e8e8e8", "faint": "#8f8f8f", "grid": "#363a40", "paper": "#16181c"}


class Picture:
    """A drawn plot, which shows itself in a notebook and never opens a window.

    Attributes:
        figure: The matplotlib figure, for whoever wants to change it.
    """

    def __init__(self, figure: "Figure") -> None:
        self.figure = figure

    def data(self, kind: str) -> bytes:
        """The picture as the bytes of a "png" or an "svg" file."""
        with _quietly():
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
        write_new(path, self.data(ending_of(path, FORMATS)[1:]))
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
        size: Width and height in inches; the letters stay as large.

    Raises:
        UprightError: There is nothing to draw, or no such metric or axis.
    """
    curves = [curve_of(run, metric, axis, smooth) for run in runs]
    envs = list(dict.fromkeys(str(run.info.get("env")) for run in runs))
    return picture(curves, ", ".join(envs), dark, size)


def picture(
    curves: Sequence[Curve], title: str, dark: bool = False, size: tuple[float, float] = SIZE
) -> Picture:
    """Curves that were read already, as `plot` draws them."""
    with _quietly():
        return Picture(_drawn(grouped(curves), title, DARK if dark else LIGHT, size))


def grouped(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves of the same settings together, by a name that tells the groups apart.

    A seed that comes twice is one run: the longer of the two stands for it.
    """
    groups: list[list[Curve]] = []
    for curve in sorted(curves, key=lambda curve: -len(curve.x)):
        same = [group for group in groups if group[0].settings == curve.settings]
        if not same:
            groups.append([curve])
        elif curve.seed not in {each.seed for each in same[0]}:
            same[0].append(curve)
    groups.sort(key=lambda group: min(map(curves.index, group)))
    every = [group[0].settings for group in groups]
    names = {key for settings in every for key in settings}
    differing = [
        key for key in sorted(names - {"algo"}) if len({str(one.get(key)) for one in every}) > 1
    ]
    return {_name_of(group, groups, differing): group for group in groups}


def _name_of(group: list[Curve], groups: list[list[Curve]], differing: list[str]) -> str:
    """Algorithm, and in what it differs from the other groups of that algorithm."""
    first, alike = group[0], [each[0] for each in groups if each[0].algo == group[0].algo]
    told = [
        f"{key} {first.settings[key]}"
        for key in differing
        if len({str(each.settings.get(key)) for each in alike}) > 1
    ]
    who = f"seed {first.seed}" if len(group) == 1 else f"mean of {len(group)} runs, 95% band"
    return f"{', '.join([first.algo, *told])}: {who}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Matplotlib without its remarks on fonts and caches."""
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _drawn(
    groups: dict[str, list[Curve]], envs: str, ink: dict[str, str], size: tuple[float, float]
) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor=ink["paper"])
    axes = figure.add_subplot()
    _furnish(axes, next(iter(groups.values()))[0], envs, ink)
    alone, colours = len(groups) == 1, ON_DARK if ink is DARK else ON_LIGHT
    for number, (name, curves) in enumerate(groups.items()):
        colour = colours[number % len(colours)]
        draw = _draw_one if len(curves) == 1 else _draw_several
        draw(axes, curves, colour, name, alone)
        _mark_verified(axes, curves, colour, ink)
    for threshold in {
        c.threshold for curves in groups.values() for c in curves if c.threshold is not None
    }:
        axes.axhline(
            threshold, color=ink["faint"], linestyle=(0, (5, 4)), linewidth=1.5, zorder=1,
            label=f"solved from {threshold:g}",
        )  # fmt: skip
    _add_legend(figure, ink)
    return figure


def _add_legend(figure: "Figure", ink: dict[str, str]) -> None:
    """Below the axes, in as many columns as there is room for."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    widest = max(map(len, names), default=1)
    letters = round(12 * figure.get_figwidth())
    figure.legend(
        handles, names, loc="outside lower left", ncols=max(1, min(4, letters // (widest + 7))),
        frameon=False, fontsize=11, labelcolor=ink["ink"], handlelength=1.8,
    )  # fmt: skip


def _furnish(axes: "Axes", first: Curve, envs: str, ink: dict[str, str]) -> None:
    from matplotlib.ticker import EngFormatter

    axes.set_facecolor(ink["paper"])
    axes.set_title(_in_text(envs), loc="left", fontsize=15, fontweight="bold", color=ink["ink"])
    axes.set_xlabel(AXES[first.axis], fontsize=13, color=ink["ink"])
    unit = " (sum of rewards)" if first.metric == "episode return" else ""
    axes.set_ylabel(_in_text(first.metric + unit), fontsize=13, color=ink["ink"])
    axes.tick_params(colors=ink["ink"], labelsize=12, length=0)
    axes.grid(color=ink["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    if first.axis != "seconds":
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _in_text(text: str) -> str:
    """Text from a file as it is, with no mathematics and no end of a line in it."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:80])
    return shown.replace("$", r"\$")


def _draw_one(axes: "Axes", curves: list[Curve], colour: str, name: str, alone: bool) -> None:
    (curve,) = curves
    if curve.window > 1 or len(curve.x) == 1:
        step = -(-len(curve.x) // MOST_POINTS)
        size = 8.0 if len(curve.x) < 300 else 4.5
        axes.plot(
            curve.x[::step], curve.raw[::step], ".", color=colour, alpha=0.3, markersize=size,
            markeredgewidth=0, zorder=2, rasterized=len(curve.x) > 2000,
            label="each episode" if alone and curve.window > 1 else None,
        )  # fmt: skip
    smoothed = f", mean of {curve.window}" if curve.window > 1 else ""
    axes.plot(
        *_thinned(curve.x, curve.smooth), color=colour, linewidth=2.6, zorder=4,
        label=_in_text(name) + smoothed, solid_capstyle="round",
    )  # fmt: skip
    if len(curve.evaluations[0]):
        axes.plot(
            *curve.evaluations, "D", color=colour, markersize=5, markerfacecolor="none",
            markeredgewidth=1.5, zorder=5,
            label="greedy policy, evaluated" if alone else None,
        )  # fmt: skip


def _draw_several(axes: "Axes", curves: list[Curve], colour: str, name: str, alone: bool) -> None:
    for curve in curves:
        axes.plot(
            *_thinned(curve.x, curve.smooth), color=colour, alpha=0.3, linewidth=1.0, zorder=2
        )
    mean = mean_of(curves)
    if mean is None:
        axes.plot([], [], color=colour, label=_in_text(name))
        return
    axes.fill_between(mean.x, mean.low, mean.high, color=colour, alpha=0.22, linewidth=0, zorder=3)
    all_of_them, rest = slice(0, mean.complete), slice(max(mean.complete - 1, 0), None)
    axes.plot(
        mean.x[all_of_them], mean.mean[all_of_them], color=colour, linewidth=2.8, zorder=4,
        label=_in_text(name),
    )  # fmt: skip
    if mean.complete < len(mean.x):
        axes.plot(
            mean.x[rest], mean.mean[rest], color=colour, linewidth=2.0, linestyle=(0, (2, 1)),
            zorder=4, label=None if REST in axes.get_legend_handles_labels()[1] else REST,
        )  # fmt: skip


def _thinned(x: Any, y: Any) -> tuple[Any, Any]:
    if len(x) <= MOST_POINTS:
        return x, y
    kept = np.linspace(0, len(x) - 1, MOST_POINTS).astype(int)
    return x[kept], y[kept]


def _mark_verified(axes: "Axes", curves: list[Curve], colour: str, ink: dict[str, str]) -> None:
    for curve in curves:
        point = curve.verified
        if point is None:
            continue
        solved = point.solved is not False
        low, high = point.interval
        name = _verified_name(point.solved)
        axes.errorbar(
            [point.x], [point.mean], [[point.mean - low], [high - point.mean]],
            fmt="*" if solved else "X", markersize=17 if solved else 11,
            color=colour, markeredgecolor=ink["ink"], ecolor=ink["ink"], markeredgewidth=1.0,
            elinewidth=1.5, zorder=6, clip_on=False,
            label=None if name in axes.get_legend_handles_labels()[1] else name,
        )  # fmt: skip


def _verified_name(solved: bool | None) -> str:
    return {True: "verified", False: "judged: not solved", None: "judged"}[solved]
