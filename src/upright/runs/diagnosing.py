"""A run diagnosed, finished or not, from what its folder says."""

from contextlib import suppress

from upright.ground import UprightError
from upright.judging import Finding, Verdict, diagnose
from upright.runs.run import Run


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
    return diagnose(run.recipe, run.metrics(), verdict)
