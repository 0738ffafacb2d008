"""Solved means verified: one evaluation selects a policy, another on other seeds proves it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upright.ground import how_many
from upright.judging.evaluation import Evaluation

if TYPE_CHECKING:
    from upright.policy import Weights

HEADLINES = {True: "Solved and verified", False: "Not solved", None: "Judged, no threshold"}


@dataclass(frozen=True)
class Candidate:
    """A policy that an evaluation has selected."""

    selection: Evaluation
    timesteps: int
    weights: "Weights"


@dataclass(frozen=True)
class Verdict:
    """A selected policy and its proof, an evaluation on seeds that did not select it."""

    candidate: Candidate
    proof: Evaluation

    @property
    def solved(self) -> bool | None:
        """Whether selection and proof both reach the threshold; None where there is none."""
        if self.proof.solved is None:
            return None
        return bool(self.candidate.selection.solved and self.proof.solved)

    @property
    def is_close(self) -> bool:
        """Whether it is solved with the threshold inside the proof's 95% interval."""
        threshold = self.proof.threshold
        return threshold is not None and bool(self.solved) and self.proof.interval[0] < threshold


def verdict_sentence(verdict: Verdict) -> str:
    """What was measured, with its interval, the threshold and what it took."""
    proof = verdict.proof
    low, high = proof.interval
    goal = "no threshold" if proof.threshold is None else f"threshold {proof.threshold:g}"
    return (
        f"mean return {proof.mean:z.1f} over {how_many(len(proof.returns), 'fresh episode')} "
        f"(95% interval {low:z.1f} to {high:z.1f}, {goal}) after "
        f"{how_many(verdict.candidate.timesteps, 'step')}"
    )
