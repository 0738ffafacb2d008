"""Sides compared, as one figure: aggregates, who beats whom, profiles, evaluations."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from upright.ground import Array
from upright.judging import Aggregates, Estimate, bootstrap_band, exceeding, iqm_band
from upright.show.curves.curve import Curve
from upright.show.curves.drawing import furnish, in_lines
from upright.show.curves.groups import LONGEST_NAME, abbreviated
from upright.show.curves.plotting import LIGHT, ON_LIGHT, ROUNDS, Picture, quietly

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDE, LEVELS_DRAWN, POINTS_DRAWN = (11.0, 8.4), 200, 300
KINDS_OF_MEAN = ("mean", "median", "interquartile\nmean")
LEGEND_LETTERS = 60


class DrawnSide(NamedTuple):
    """What is drawn of a side.

    Attributes:
        name: What the legend calls it.
        scores: The mean return of each run's proof, [n].
        aggregates: What they come to.
        curves: Each run's evaluations.
        improvement: How probable it is that a run of it beats one of the first side; None for the
            first.
    """

    name: str
    scores: Sequence[float]
    aggregates: Aggregates
    curves: Sequence[Curve]
    improvement: Estimate | None


def draw_sides(sides: Sequence[DrawnSide]) -> Picture:
    """The figure of at least two sides, all of one environment."""
    env = sides[0].curves[0].settings["env"]
    with quietly():
        from matplotlib.figure import Figure

        figure = Figure(figsize=WIDE, layout="constrained", facecolor=LIGHT["paper"])
        figure.suptitle(
            in_lines(abbreviated(env, LONGEST_NAME), WIDE[0]), x=0.02, ha="left", fontsize=15,
            fontweight="bold", color=LIGHT["ink"],
        )  # fmt: skip
        (above, beside), (profile, efficiency) = figure.subplots(2, 2)
        _aggregates(above, sides)
        _improvements(beside, sides)
        _profiles(profile, sides)
        _efficiencies(efficiency, sides)
        handles, names = profile.get_legend_handles_labels()
        figure.legend(
            handles, names, loc="outside lower left", ncols=1 if max(map(len, names)) > 40 else 3,
            frameon=False, fontsize=11, labelcolor=LIGHT["ink"], handlelength=1.8,
        )  # fmt: skip
    return Picture(figure)


def carried(curves: Sequence[Curve], x: Array) -> Array:
    """Each run's last evaluation until so many steps, [n, points]; after its end its very last."""
    found = ((np.searchsorted(curve.x, x, side="right") - 1, curve.raw) for curve in curves)
    return np.stack([raw[np.maximum(at, 0)] for at, raw in found])


def _style(number: int) -> dict[str, Any]:
    dashes = ROUNDS[number // len(ON_LIGHT) % len(ROUNDS)]
    return {"color": ON_LIGHT[number % len(ON_LIGHT)], "linestyle": dashes}


def _furnished(axes: "Axes", title: str, label: str) -> None:
    furnish(axes, title, label, LIGHT, (12, 11, 10), "normal")


def _marked(line: Callable[..., Any], at: float) -> None:
    line(at, color=LIGHT["faint"], linestyle=(0, (5, 4)), linewidth=1.5, zorder=1)


def _interval(axes: "Axes", found: Estimate, height: float, number: int) -> None:
    """A point and the bar of its interval, which may lie beside it."""
    colour = _style(number)["color"]
    axes.plot([found.low, found.high], [height] * 2, color=colour, linewidth=6, alpha=0.35,
              solid_capstyle="butt")  # fmt: skip
    axes.plot([found.value], [height], "o", color=colour, markersize=7)


def _aggregates(axes: "Axes", sides: Sequence[DrawnSide]) -> None:
    room = 0.7 / len(sides)
    for number, side in enumerate(sides):
        for row, found in enumerate(side.aggregates):
            _interval(axes, found, -row - (number - (len(sides) - 1) / 2) * room, number)
    _furnished(axes, "mean returns of the proofs, 95% intervals", "return")
    axes.set_yticks([0, -1, -2], KINDS_OF_MEAN)


def _improvements(axes: "Axes", sides: Sequence[DrawnSide]) -> None:
    for number, side in enumerate(sides):
        if side.improvement is not None:
            _interval(axes, side.improvement, -number, number)
    first = in_lines(abbreviated(sides[0].name, LONGEST_NAME), 4.0)
    _furnished(axes, f"probability that a run beats one of\n{first}", "probability")
    _marked(axes.axvline, 0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-len(sides) + 0.5, -0.5)
    axes.set_yticks([])


def _profiles(axes: "Axes", sides: Sequence[DrawnSide]) -> None:
    every = [score for side in sides for score in side.scores]
    margin = 0.05 * (max(every) - min(every)) or 1.0
    levels = np.linspace(min(every) - margin, max(every) + margin, LEVELS_DRAWN)
    for number, side in enumerate(sides):
        rows, style = exceeding(side.scores, levels), _style(number)
        axes.fill_between(levels, *bootstrap_band(rows), color=style["color"], alpha=0.2,
                          linewidth=0)  # fmt: skip
        name = in_lines(f"{abbreviated(side.name, LEGEND_LETTERS)}, {len(side.scores)} runs", 9.0)
        axes.plot(levels, rows.mean(axis=0), linewidth=2.4, label=name, **style)
    _furnished(axes, "share of the runs above a return", "return")
    axes.set_ylim(-0.03, 1.03)


def _efficiencies(axes: "Axes", sides: Sequence[DrawnSide]) -> None:
    from matplotlib.ticker import EngFormatter

    end = max(curve.x[-1] for side in sides for curve in side.curves)
    for number, side in enumerate(sides):
        begin = max(curve.x[0] for curve in side.curves)
        x, style = np.linspace(begin, max(end, begin + 1), POINTS_DRAWN), _style(number)
        middle, low, high = iqm_band(carried(side.curves, x))
        axes.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)
        axes.plot(x, middle, linewidth=2.4, **style)
    threshold = sides[0].curves[0].threshold
    if threshold is not None:
        _marked(axes.axhline, threshold)
    _furnished(axes, "interquartile mean of the evaluations", "environment steps")
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
