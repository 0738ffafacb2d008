"""A run in words that stand on a page: what it is, what the verdict says, what it asks for."""

import os
from typing import Any

from upright.ground import UprightError
from upright.judging import HEADLINES, Verdict, verdict_sentence
from upright.runs import Run


def shown(value: Any) -> str:
    """A setting's value in words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} = {each}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def told(run: Run) -> tuple[Verdict | None, str, str]:
    """The verdict, in three words and in a sentence, or what there is in place of a sound one."""
    try:
        verdict = run.verdict()
    except UprightError as error:
        return None, f"No verdict ({run.status})", error.message
    return verdict, HEADLINES[verdict.solved], verdict_sentence(verdict)


def media_wanted(chosen: bool | None) -> bool:
    """Whether a training leaves pictures: as chosen, else unless UPRIGHT_NO_MEDIA is set."""
    return not os.environ.get("UPRIGHT_NO_MEDIA") if chosen is None else chosen
