"""Repeat a recorded verdict: the same weights, the same seeds, the same episodes."""

from dataclasses import dataclass, replace

from upright.checkpoint import versions
from upright.errors import UprightError
from upright.evaluation import Evaluation, Evaluator
from upright.run import Run
from upright.verdict import Verdict


@dataclass(frozen=True)
class Verification:
    """A verdict repeated.

    Attributes:
        holds: Whether everything that was recorded was found again.
        reason: In one sentence, why or why not.
        identical: Whether every single episode return was the same.
        selection: The first evaluation, repeated; None where it did not come to that.
        proof: The second one, likewise.
    """

    holds: bool
    reason: str
    identical: bool = False
    selection: Evaluation | None = None
    proof: Evaluation | None = None


def verify(run: Run) -> Verification:
    """Repeat the recorded verdict: the same weights, the same seeds, the same episodes.

    On the versions that made it every episode must have the same return. On others rounding may
    differ, and the verdict and the mean's interval must agree.

    Raises:
        UprightError: The run cannot be opened, or has no verdict.
    """
    record = run.verdict_record()
    try:
        verdict = run.verdict()
    except UprightError as error:
        return Verification(False, error.message)
    recorded = (verdict.candidate.selection, verdict.proof)
    selection, proof = (_repeat(run, evaluation) for evaluation in recorded)
    identical = recorded == (selection, proof)
    solved = Verdict(replace(verdict.candidate, selection=selection), proof).solved
    low, high = verdict.proof.interval
    if identical:
        holds, reason = True, "Every episode has the recorded return."
    elif record.get("versions") == versions():
        holds, reason = False, "Some episodes have another return than was recorded."
    else:
        holds = solved == verdict.solved and low <= proof.mean <= high
        outcome = "agrees" if holds else "does not agree"
        reason = f"Versions or machine differ from the recorded ones; the verdict {outcome}."
    return Verification(holds, reason, identical, selection, proof)


def _repeat(run: Run, recorded: Evaluation) -> Evaluation:
    evaluator = Evaluator(
        run.env, len(recorded.returns), recorded.backend, num_envs=recorded.num_envs
    )
    try:
        return evaluator.evaluate(run.policy, recorded.seed, recorded.deterministic)
    finally:
        evaluator.close()
