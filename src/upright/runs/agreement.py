"""Whether the files of a finished run tell the same of it, and whether its verdict holds."""

from typing import TYPE_CHECKING

from upright.ground import UprightError, limit_threads, versions
from upright.judging import Verification, repeated
from upright.runs.logs import Metric

if TYPE_CHECKING:
    from upright.judging import Verdict
    from upright.runs.run import Run


def replayed(run: "Run") -> Verification:
    """The recorded verdict repeated, as `api.verify` says.

    Raises:
        UprightError: The run has no verdict.
    """
    run.verdict_record()  # that there is none, or no JSON, is no verdict that fails
    try:
        recorded, verdict = run.recorded_verdict(), held(run)
    except UprightError as error:
        return Verification(False, error.message)
    same = recorded.versions == versions(run.policy.network.torch_version)
    limit_threads(run.recipe.threads)  # a product's last bit can see how many there are
    return repeated(verdict, run.policy, run.eval_env, same)


def held(run: "Run") -> "Verdict":
    """The recorded verdict, held against all of the run's files; nothing is played.

    Raises:
        UprightError: There is none, or a file tells otherwise.
    """
    verdict = run.verdict()
    if otherwise := _disagreement(run, verdict):
        raise UprightError(otherwise)
    return verdict


def _disagreement(run: "Run", verdict: "Verdict") -> str:
    """The first thing that two files of a run tell differently, as a sentence; else nothing."""
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
