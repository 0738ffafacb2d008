"""What the board says of a run: its row of the table and its curve, as JSON values."""

from collections.abc import Sequence
from typing import Any

from upright.ground import printable, shortened
from upright.runs import Glance, Metric, Point

# A status, in a word of `upright seeds` where that has one.
STATES = {"running": "training", "interrupted": "stopped"}
LONGEST_CELL, LARGEST_COUNT = 200, 2**53


def row_at(glance: Glance, path: str) -> dict[str, Any]:
    """The row of a run; `path` is what its folder is called."""
    record, judged, log = glance.record, glance.judged, glance.log
    recipe, last = glance.sheet.recipe, log.last
    threshold = glance.sheet.bar if glance.sheet.is_told or not judged else judged.threshold
    state = STATES.get(glance.status, glance.status)
    return {
        "path": in_a_cell(path),
        **{name: in_a_cell(record.get(name, "")) for name in ("env", "algo", "started", "preset")},
        "seed": count_or_none(record.get("seed")),
        "state": "unreadable" if glance.problem else in_a_cell(state),
        "note": in_a_cell(glance.problem or glance.sheet.problem or log.problem),
        "changed": round(glance.changed, 1),
        "steps": count_or_none(last.get(Metric.TIMESTEPS, record.get("timesteps"))),
        "budget": count_or_none(recipe and recipe.settings.total_timesteps),
        "recent": drawable(last.get(Metric.EPISODE_RETURN)),
        "evaluation": drawable(log.evaluations[-1].value if log.evaluations else None),
        "threshold": drawable(threshold),
        "judged": judged and {
            "mean": drawable(judged.mean),
            "interval": judged.interval and [drawable(each) for each in judged.interval],
            "solved": judged.solved,
            "steps": count_or_none(judged.timesteps),
        },
        "returns": in_columns(log.returns),
        "evaluations": in_columns(log.evaluations),
    }  # fmt: skip


def in_a_cell(value: object) -> str:
    """A value of a stranger's as text that any page can hold."""
    return printable(shortened(str(value), LONGEST_CELL), "\ufffd")


def count_or_none(value: object) -> int | None:
    """A count that JavaScript holds exactly; None where it is none."""
    return value if type(value) is int and 0 <= value < LARGEST_COUNT else None


def drawable(value: float | None) -> float | None:
    """A number in as many digits as a picture has."""
    return None if value is None else float(f"{value:.6g}")


def in_columns(points: Sequence[Point]) -> list[list[float]]:
    """Timesteps, and values."""
    kept = [point for point in points if point.timesteps < LARGEST_COUNT]
    return [[each.timesteps for each in kept], [float(f"{each.value:.6g}") for each in kept]]
