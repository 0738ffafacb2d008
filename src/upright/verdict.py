"""Solved means verified: one evaluation selects a policy, another on other seeds proves it."""

import copy
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from upright.envs import EnvSource
from upright.errors import UprightError
from upright.evaluation import EPISODES, Evaluation, Evaluator
from upright.policy import Policy, Weights
from upright.seeding import Stream, derive_seed
from upright.state import State


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


def read_verdict(record: dict[str, Any], env: Any, weights: Weights, digest: str) -> Verdict:
    """A verdict that was recorded, held against itself and against the weights that are there.

    Args:
        record: What evaluation.json says.
        env: The name of the run's environment.
        weights: The weights that are there.
        digest: Their SHA-256.

    Raises:
        UprightError: It contradicts itself, or the weights are others.
    """
    try:
        selection = Evaluation.from_dict(record["selection"])
        proof = Evaluation.from_dict(record["proof"])
        claim = [record[name] for name in ("env", "solved", "mean", "threshold", "interval")]
        timesteps, judged = record["timesteps"], record["weights_sha256"]
    except (KeyError, TypeError) as error:
        raise UprightError(f"The recorded verdict lacks or garbles {error}.") from error
    if type(timesteps) is not int or not 0 <= timesteps < 2**63:
        raise UprightError("The recorded verdict lacks or garbles 'timesteps'.")
    if judged != digest:
        raise UprightError("The weights are not the ones that were judged.")
    verdict = Verdict(Candidate(selection, timesteps, weights), proof)
    if claim != [env, verdict.solved, proof.mean, proof.threshold, list(proof.interval)]:
        raise UprightError("The recorded verdict contradicts its own evaluations.")
    if proof.seed == selection.seed:
        raise UprightError("The recorded proof has the seeds of the selection.")
    if selection.threshold != proof.threshold:
        raise UprightError("The recorded proof has another threshold than the selection.")
    return verdict


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
        self.latest_proof: Evaluation | None = None
        self._failed_proof: Evaluation | None = None

    def is_due(self, timesteps: int) -> bool:
        """Whether an evaluation is due at this many timesteps."""
        return timesteps >= self._due

    def consider(self, policy: Policy, timesteps: int) -> Evaluation:
        """Select: evaluate the policy; prove it if it reaches the threshold (`latest_proof`)."""
        began = time.perf_counter()
        self.latest_proof = None
        self._due = timesteps - timesteps % self._every + self._every
        seed = derive_seed(self._seed, Stream.SELECTION, timesteps)
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
            proof = self._failed_proof or self._proof(best, self.best.timesteps)
            self.verdict = Verdict(self.best, proof)
            self.seconds += time.perf_counter() - began
        return self.verdict

    def state(self) -> State:
        """The best and the proven policy so far, and when the next evaluation is due."""
        parts = {"schedule": State({"due": self._due, "seconds": self.seconds})}
        if self.best is not None:
            parts["best"] = _candidate_state(self.best, self._failed_proof)
        if self.verdict is not None:
            parts["proven"] = _candidate_state(self.verdict.candidate, self.verdict.proof)
        return State.joined(parts)

    def restore(self, state: State, expected: Weights) -> None:
        """Take over what `state` recorded; `expected` lends the weights their shapes.

        Raises:
            UprightError: The record is not valid.
        """
        schedule = state.part("schedule")
        self._due, self.seconds = schedule.count("due"), schedule.value("seconds", float)
        if "best" in state.values:
            self.best, self._failed_proof = _candidate(state.part("best"), expected)
        if "proven" in state.values:
            candidate, proof = _candidate(state.part("proven"), expected)
            if proof is None:
                raise UprightError("The recorded state proves a policy without a proof.")
            self.verdict = Verdict(candidate, proof)

    def close(self) -> None:
        """Release the environments."""
        self.evaluator.close()

    def _prove(self, policy: Policy, candidate: Candidate) -> None:
        proof = self.latest_proof = self._proof(policy, candidate.timesteps)
        if proof.solved:
            self.verdict = Verdict(candidate, proof)
        else:
            self._failed_proof = proof

    def _proof(self, policy: Policy, timesteps: int) -> Evaluation:
        return self.evaluator.evaluate(policy, derive_seed(self._seed, Stream.PROOF, timesteps))


def best_weights(state: State, expected: Weights) -> Weights | None:
    """The weights that a judge's state holds as proven, else as best; None before there are any.

    Raises:
        UprightError: The record is not valid.
    """
    for name in ("proven", "best"):
        if name in state.values:
            return _candidate(state.part(name), expected)[0].weights
    return None


def _candidate_state(candidate: Candidate, proof: Evaluation | None) -> State:
    values = {
        "timesteps": candidate.timesteps,
        "selection": candidate.selection.record(),
        "proof": None if proof is None else proof.record(),
    }
    arrays = {name: tensor.cpu().numpy().copy() for name, tensor in candidate.weights.items()}
    return State(values, arrays)


def _candidate(state: State, expected: Weights) -> tuple[Candidate, Evaluation | None]:
    weights = {}
    for name, tensor in expected.items():
        array = state.array(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        if not np.isfinite(array).all():
            raise UprightError(f"The recorded state holds numbers that are not finite, in {name}.")
        weights[name] = torch.from_numpy(array.copy())
    proof = state.values.get("proof")
    candidate = Candidate(
        Evaluation.from_record(state.value("selection", dict)), state.count("timesteps"), weights
    )
    return candidate, None if proof is None else Evaluation.from_record(state.value("proof", dict))
