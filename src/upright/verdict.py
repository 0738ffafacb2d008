"""Solved means verified: one evaluation selects a policy, another on other seeds proves it."""

import copy
import time
from dataclasses import dataclass

from upright.envs import EnvSource
from upright.evaluation import EPISODES, Evaluation, Evaluator
from upright.policy import Policy, Weights
from upright.seeding import Stream, derive_seed


@dataclass(frozen=True)
class Candidate:
    """A policy that an evaluation has selected."""

    selection: Evaluation
    timesteps: int
    weights: Weights


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


class Judge:
    """Evaluates the greedy policy now and then, keeps the best one, and proves it.

    Args:
        env: What to evaluate on.
        seed: The run's seed; the judge draws from streams that training never uses.
        every: Timesteps between evaluations.
    """

    def __init__(self, env: EnvSource, seed: int, every: int) -> None:
        self.evaluator = Evaluator(env, EPISODES)
        self.seconds = 0.0
        self.best: Candidate | None = None
        self.verdict: Verdict | None = None
        self._seed, self._every, self._due = seed, every, every
        self._selections = self._proofs = 0
        self._failed_proof: Evaluation | None = None

    def is_due(self, timesteps: int) -> bool:
        """Whether an evaluation is due at this many timesteps."""
        return timesteps >= self._due

    def consider(self, policy: Policy, timesteps: int) -> Evaluation:
        """Select: evaluate the policy; prove it if it reaches the threshold."""
        began = time.perf_counter()
        self._due = timesteps - timesteps % self._every + self._every
        self._selections += 1
        seed = derive_seed(self._seed, Stream.SELECTION, self._selections)
        selection = self.evaluator.evaluate(policy, seed)
        is_best = self.best is None or selection.mean > self.best.selection.mean
        if is_best or (selection.solved and self.verdict is None):
            weights = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
            self.best, self._failed_proof = Candidate(selection, timesteps, weights), None
            if selection.solved:
                self._prove(policy, self.best)
        self.seconds += time.perf_counter() - began
        return selection

    def conclude(self, policy: Policy) -> Verdict:
        """The verdict on the proven policy, else on the best one so far.

        A proof that failed stands: the same policy is not tried again on other seeds. Call
        `consider` at least once before; the policy lends its shape.
        """
        if self.verdict is None:
            assert self.best is not None
            began = time.perf_counter()
            best = copy.deepcopy(policy)
            best.load_state_dict(self.best.weights)
            self.verdict = Verdict(self.best, self._failed_proof or self._proof(best))
            self.seconds += time.perf_counter() - began
        return self.verdict

    def close(self) -> None:
        """Release the environments."""
        self.evaluator.close()

    def _prove(self, policy: Policy, candidate: Candidate) -> None:
        proof = self._proof(policy)
        if proof.solved:
            self.verdict = Verdict(candidate, proof)
        else:
            self._failed_proof = proof

    def _proof(self, policy: Policy) -> Evaluation:
        self._proofs += 1
        return self.evaluator.evaluate(policy, derive_seed(self._seed, Stream.PROOF, self._proofs))
