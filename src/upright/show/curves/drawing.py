"""The strokes of a plot: lines, dots, bands, marks and thresholds on its axes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from upright.show.curves.curve import Curve, mean_of
from upright.show.curves.groups import dots_of, env_of
from upright.show.curves.legend import HANDLE, REST, in_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 20_000
MOST_DIAMONDS = 60
DASHES = ((5, 4), (2, 2), (9, 3, 2, 3))


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
    if not any(len(curve.x) for curve in curves):
        for number, curve in enumerate(curves):
            _draw_evaluations(axes, curve, colour, alone and number == 0)
        return
    for part in mean_of(curves):
        axes.fill_between(
            part.x, part.low, part.high, color=colour, alpha=0.22, linewidth=0, zorder=3
        )
        if not part.missing:
            axes.plot(part.x, part.mean, color=colour, linewidth=2.8, linestyle=dashes, zorder=4)
            continue
        axes.plot(
            part.x, part.mean, color=colour, linewidth=2.0, linestyle=(0, (2, 1)),
            zorder=4, label=None if REST in axes.get_legend_handles_labels()[1] else REST,
        )  # fmt: skip


def draw_thresholds(axes: "Axes", curves: list[Curve], ink: dict[str, str], width: float) -> None:
    """The highest first; which environment's, where there are several."""
    several = len({str(curve.settings.get("env")) for curve in curves}) > 1
    known: dict[float, set[str]] = {}
    for curve in curves:
        if curve.threshold is not None:
            known.setdefault(curve.threshold, set()).add(env_of(curve))
    for number, (threshold, envs) in enumerate(sorted(known.items(), reverse=True)):
        where = f" ({', '.join(sorted(envs))})" if several else ""
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
