"""A run in words that stand on a page: what it is, and what the verdict says."""

from typing import Any

from upright.errors import UprightError
from upright.run import Run
from upright.verdict import Verdict

HEADLINES = {True: "Solved and verified", False: "Not solved", None: "Judged, no threshold"}


def printable(text: str) -> str:
    """Text of a stranger's file, with nothing in it that no page can hold."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def shown(value: Any) -> str:
    """A setting's value in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def headline(run: Run) -> str:
    """The verdict in three words, or what there is in its place."""
    try:
        return HEADLINES[run.verdict().solved]
    except UprightError:
        return f"No verdict ({run.status})"


def sentence(run: Run) -> str:
    """The verdict in a sentence, or why there is none that holds."""
    try:
        return verdict_sentence(run.verdict())
    except UprightError as error:
        return error.message


def verdict_sentence(verdict: Verdict) -> str:
    """What was measured, with its interval, the threshold and what it took."""
    proof = verdict.proof
    low, high = proof.interval
    goal = "no threshold" if proof.threshold is None else f"threshold {proof.threshold:g}"
    return (
        f"mean return {proof.mean:.1f} over {len(proof.returns)} fresh episodes "
        f"(95% interval {low:.1f} to {high:.1f}, {goal}) after "
        f"{verdict.candidate.timesteps:,} steps"
    )
