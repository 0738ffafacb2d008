"""A run diagnosed, finished or not, from what its folder says."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from upright.ground import UprightError
from upright.judging import Finding, Verdict, diagnose
from upright.runs.logs import Metric
from upright.runs.run import Run

if TYPE_CHECKING:
    from upright.settings import Recipe

FAILED = "`upright resume` tries again, and says why; a folder failures has the rollout, if any."
# Asked at even intervals, so much of a run has to be added before its rows are read again.
GROWTH = 1.25


def findings_of(run: Run, verdict: Verdict | None = None) -> list[Finding]:
    """What is unusual about a run.

    Args:
        run: The run; one that trains just now is judged by the rows that are there.
        verdict: Its verdict where that is at hand; None for the recorded one, if it holds. Without
            one no threshold is known, and nothing is said of it.

    Raises:
        UprightError: Its settings or its metrics cannot be read.
    """
    if verdict is None:
        with suppress(UprightError):
            verdict = run.verdict()
    rows = run.metrics()
    found = diagnose(run.recipe, rows, verdict)
    if run.status == "failed":
        done = rows[-1][Metric.TIMESTEPS] if rows else 0
        found.insert(0, Finding("failed", f"The training failed after {done:,} timesteps.", FAILED))
    return found


class Watch:
    """The findings of a run that trains just now, each told once.

    Args:
        recipe: What is trained.
        folder: The run's, in which it is written down.
    """

    def __init__(self, recipe: "Recipe", folder: Path) -> None:
        self._recipe, self._folder = recipe, folder
        self._told: set[str] = set()
        self._asked = self._read_at = 0

    def news(self) -> list[Finding]:
        """What was not unusual before; of a threshold nothing is said until there is a verdict."""
        self._asked += 1
        if self._asked < GROWTH * self._read_at:
            return []
        self._read_at = self._asked
        found: list[Finding] = []
        with suppress(UprightError):  # the training is not ended by what a log has become
            found = diagnose(self._recipe, Run(self._folder).metrics(), None)
        new = [each for each in found if each.name not in self._told]
        self._told |= {each.name for each in new}
        return new
