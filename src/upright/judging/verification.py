"""Repeat a recorded verdict: the same weights, the same seeds, the same episodes."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from upright.envs import EnvSource
from upright.judging.evaluation import Evaluation
from upright.judging.evaluator import Evaluator
from upright.judging.verdict import Verdict

if TYPE_CHECKING:
    from upright.policy import Policy


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


def repeated(
    verdict: Verdict, policy: "Policy", env: EnvSource, same_versions: bool
) -> Verification:
    """A verdict repeated, and whether it holds.

    Args:
        verdict: The recorded one.
        policy: Of the weights that it judged.
        env: Where it judged them.
        same_versions: Whether this machine and its versions are those that made it; every episode
            must have the same return then. Elsewhere rounding may differ, and the verdict and the
            mean's interval must agree.
    """
    recorded = (verdict.candidate.selection, verdict.proof)
    selection, proof = (_again(evaluation, policy, env) for evaluation in recorded)
    identical = recorded == (selection, proof)
    solved = Verdict(replace(verdict.candidate, selection=selection), proof).solved
    low, high = verdict.proof.interval
    if identical:
        holds, reason = True, "Every episode has the recorded return."
    elif same_versions:
        holds, reason = False, "Some episodes have another return than was recorded."
    else:
        holds = solved == verdict.solved and low <= proof.mean <= high
        outcome = "agrees" if holds else "does not agree"
        reason = f"Versions or machine differ from the recorded ones; the verdict {outcome}."
    return Verification(holds, reason, identical, selection, proof)


def _again(recorded: Evaluation, policy: "Policy", env: EnvSource) -> Evaluation:
    evaluator = Evaluator(env, len(recorded.returns), recorded.backend, recorded.num_envs)
    try:
        return evaluator.evaluate(policy, recorded.seed, recorded.deterministic)
    finally:
        evaluator.close()
