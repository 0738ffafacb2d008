"""The strokes of a plot, the legend, for which the figure grows, and labels that fit."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from upright.ground import printable
from upright.show.curves.curve import Curve, mean_of
from upright.show.curves.groups import dots_of, env_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 20_000
MOST_DIAMONDS = 60
DASHES = ((5, 4), (2, 2), (9, 3, 2, 3))
LETTER, TITLE_LETTER = 0.085, 0.135
HANDLE = 0.65
TWO_ROWS = 0.5
MOST_COLUMNS = 4
REST = "mean of those that went on"
MARKS = {True: "verified", False: "judged: not solved", None: "judged"}


def furnish(
    axes: "Axes", title: str, label: str, ink: dict[str, str], sizes: Sequence[int], weight: str
) -> None:
    """Paper, grid and names; `sizes` are those of the letters of title, label and ticks."""
    of_title, of_label, of_ticks = sizes
    axes.set_facecolor(ink["paper"])
    axes.set_title(title, loc="left", fontsize=of_title, fontweight=weight, color=ink["ink"])
    axes.set_xlabel(label, fontsize=of_label, color=ink["ink"])
    axes.tick_params(colors=ink["ink"], labelsize=of_ticks, length=0)
    axes.grid(color=ink["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def draw_one(
    axes: "Axes", curves: list[Curve], colour: str, dashes: Any, name: str, alone: bool
) -> None:
    """A run: its values, their mean and the evaluations."""
    (curve,) = curves
    if curve.window > 1:
        step = -(-len(curve.x) // MOST_POINTS)
        size = 8.0 if len(curve.x) < 300 else 4.5
        axes.plot(
            curve.x[::step], curve.raw[::step], ".", color=colour, alpha=0.3, markersize=size,
            markeredgewidth=0, zorder=2, rasterized=len(curve.x) > 2000,
            label=dots_of(curve) if alone else None,
        )  # fmt: skip
    axes.plot(
        *_thinned(curve.x, curve.smooth), color=colour, linewidth=2.6, linestyle=dashes, zorder=4,
        marker="o" if len(curve.x) == 1 else None, label=name, solid_capstyle="round",
    )  # fmt: skip
    _draw_evaluations(axes, curve, colour, alone)


def _draw_evaluations(axes: "Axes", curve: Curve, colour: str, named: bool) -> None:
    """Diamonds; where they would touch each other, small ones that leave the curve to be seen."""
    if not len(curve.evaluations[0]):
        return
    many = len(curve.evaluations[0]) > MOST_DIAMONDS
    axes.plot(
        *_thinned(*curve.evaluations), "D", color=colour, markersize=3 if many else 5,
        markerfacecolor=colour if many else "none", markeredgewidth=0 if many else 1.5,
        alpha=0.6 if many else None, zorder=3 if many else 5,
        label="greedy policy, evaluated" if named else None,
    )  # fmt: skip


def draw_several(
    axes: "Axes", curves: list[Curve], colour: str, dashes: Any, name: str, alone: bool
) -> None:
    """Runs of the same settings: each one thin, their mean and its band."""
    axes.plot([], [], color=colour, linewidth=2.8, linestyle=dashes, label=name)
    for curve in curves:
        axes.plot(
            *_thinned(curve.x, curve.smooth), color=colour, alpha=0.3, linewidth=1.0, zorder=2
        )
        if not len(curve.x):  # nor has any of the others a point
            _draw_evaluations(axes, curve, colour, alone and curve is curves[0])
    for part in mean_of(curves):
        axes.fill_between(
            part.x, part.low, part.high, color=colour, alpha=0.22, linewidth=0, zorder=3
        )
        axes.plot(
            part.x, part.mean, color=colour, linewidth=2.0 if part.missing else 2.8, zorder=4,
            linestyle=(0, (2, 1)) if part.missing else dashes,
            label=_once(axes, REST) if part.missing else None,
        )  # fmt: skip


def draw_thresholds(axes: "Axes", curves: list[Curve], ink: dict[str, str], width: float) -> None:
    """The highest first; which environment's, where there are several."""
    several = len({curve.settings["env"] for curve in curves}) > 1
    known = {curve.threshold for curve in curves if curve.threshold is not None}
    for number, threshold in enumerate(sorted(known, reverse=True)):
        envs = sorted({env_of(curve) for curve in curves if curve.threshold == threshold})
        where = f" ({', '.join(envs)})" if several else ""
        axes.axhline(
            threshold, color=ink["faint"], linestyle=(0, DASHES[number % len(DASHES)]),
            linewidth=1.5, zorder=1,
            label=in_lines(f"solved from {threshold:g}{where}", width - HANDLE),
        )  # fmt: skip


def _thinned(x: Any, y: Any) -> tuple[Any, Any]:
    if len(x) <= MOST_POINTS:
        return x, y
    kept = np.linspace(0, len(x) - 1, MOST_POINTS).astype(int)
    return x[kept], y[kept]


def mark_verified(axes: "Axes", curves: list[Curve], colour: str, ink: dict[str, str]) -> None:
    """The verdicts, a star where the environment was solved."""
    for point in filter(None, (curve.verified for curve in curves)):
        solved = point.solved is not False
        low, high = point.interval
        axes.errorbar(
            [point.x], [point.mean], [[point.mean - low], [high - point.mean]],
            fmt="*" if solved else "X", markersize=17 if solved else 11,
            color=colour, markeredgecolor=ink["ink"], ecolor=ink["ink"], markeredgewidth=1.0,
            elinewidth=1.5, zorder=6, clip_on=False, label=_once(axes, MARKS[point.solved]),
        )  # fmt: skip


def _once(axes: "Axes", name: str) -> str | None:
    """A name that the legend holds once, whatever it stands for."""
    return None if name in axes.get_legend_handles_labels()[1] else name


def in_lines(text: str, inches: float, letter: float = LETTER) -> str:
    """Text from a file in lines of so many inches (as a letter's width), without mathematics."""
    lines = textwrap.wrap(printable(text, "?"), max(8, int(inches / letter)))
    return "\n".join(lines).replace("$", r"\$")


def name_in_lines(name: str, inches: float) -> str:
    """A group's name for a legend this wide, where it must be broken, before who it is."""
    room = inches - HANDLE
    if len(name) <= room / LETTER:
        return in_lines(name, room)
    settings, _, who = name.rpartition(": ")
    return f"{in_lines(f'{settings}:', room)}\n{in_lines(who, room)}"


def add_legend(figure: "Figure", ink: dict[str, str], alone: bool) -> None:
    """Below the axes, in as many columns as there is room for; the figure grows by its height."""
    from matplotlib.lines import Line2D

    handles, names = figure.axes[0].get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda n: names[n] == REST)
    for columns in range(MOST_COLUMNS, 0, -1):
        legend = figure.legend(
            [handles[n] for n in order], [names[n] for n in order], loc="outside lower left",
            ncols=columns, frameon=False, fontsize=11, labelcolor=ink["ink"], handlelength=1.8,
        )  # fmt: skip
        extent = legend.get_window_extent()
        if extent.width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + max(0.0, extent.height / figure.dpi - TWO_ROWS))
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        if not isinstance(handle, Line2D):
            continue
        if handle.get_linestyle() == "None":  # marks that are many are too small to be recognised
            least = 8.0 if handle.get_marker() == "." else 5.0
            handle.set_markersize(max(handle.get_markersize(), least))
        if text.get_text() == REST and not alone:
            handle.set_color(ink["faint"])
