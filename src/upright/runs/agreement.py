"""Whether the files of a finished run tell the same of it."""

from typing import TYPE_CHECKING

from upright.runs.logs import Metric

if TYPE_CHECKING:
    from upright.judging import Verdict
    from upright.runs.run import Run


def disagreement(run: "Run", verdict: "Verdict") -> str:
    """The first thing that two files of a run tell differently, as a sentence; else nothing.

    Args:
        run: One that has a verdict.
        verdict: Its own.

    Raises:
        UprightError: A file cannot be read.
    """
    record, recipe, rows = run.record, run.recipe, run.metrics()
    for name in ("algo", "seed", "preset"):
        said, set_to = getattr(record, name), getattr(recipe, name)
        if said != set_to:
            return f"run.json tells of {name} {said!r}, settings.toml of {set_to!r}."
    steps = rows[-1][Metric.TIMESTEPS] if rows else 0
    if run.status == "finished" and record.timesteps != steps:
        return f"run.json tells of {record.timesteps} timesteps, metrics.jsonl of {steps}."
    judged = verdict.candidate
    seen = (judged.timesteps, judged.selection.mean)
    if not any((row[Metric.TIMESTEPS], row.get(Metric.EVALUATION)) == seen for row in rows):
        return (
            f"metrics.jsonl has no evaluation of {judged.selection.mean:z.2f} after "
            f"{judged.timesteps:,} timesteps, on which evaluation.json rests."
        )
    return ""
