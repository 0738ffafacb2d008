"""A run in words that stand on a page: what it is, and what the verdict says."""

from typing import Any

from upright.ground import UprightError
from upright.judging import HEADLINES, verdict_sentence
from upright.runs import Run


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
