"""The judge: evaluates the greedy policy now and then, keeps the best one, and proves it."""

import copy
import time

import numpy as np

from upright.envs import EnvSource, Mask, in_full, is_atari
from upright.ground import State, Stream, UprightError, derive_seed, layout_of
from upright.judging.evaluation import Evaluation
from upright.judging.evaluator import NUM_EPISODES, Evaluator
from upright.judging.verdict import Candidate, Verdict
from upright.policy import Policy, Weights

ATARI_EPISODES = 10
# After so many episodes a selection ends that has shown that it selects nothing that is solved.
LOOK = 30
# So many episodes has a proof that `NUM_EPISODES` would leave to luck.
CLOSE_EPISODES = 1000


class Judge:
    """Evaluates the greedy policy now and then, keeps the best one, and proves it.

    Args:
        env: What to evaluate on.
        seed: The run's seed; the judge draws from streams that training never uses.
        every: Timesteps between evaluations.
        threshold: The mean return that counts as solved; None for the environment's own.
        mask: As in `Evaluator`.
        episodes: Of an evaluation; 0 for what is usual.
    """

    def __init__(
        self,
        env: EnvSource,
        seed: int,
        every: int,
        threshold: float | None = None,
        mask: Mask = "auto",
        episodes: int = 0,
    ) -> None:
        self._episodes = episodes or usual_episodes(env)
        self.evaluator = Evaluator(env, self._episodes, threshold=threshold, mask=mask)
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
        selection = self.evaluator.evaluate(policy, seed, look=LOOK)
        is_best = self.best is None or selection.mean > self.best.selection.mean
        if is_best or (selection.solved and self.verdict is None):
            weights = {name: array.copy() for name, array in policy.weights.items()}
            self.best, self._failed_proof = Candidate(selection, timesteps, weights), None
            if selection.solved:
                proof = self.latest_proof = self._proof(policy, self.best)
                if proof.solved:
                    self.verdict = Verdict(self.best, proof)
                else:
                    self._failed_proof = proof
        self.seconds += time.perf_counter() - began
        return selection

    def conclude(self, policy: Policy) -> Verdict:
        """The verdict on the proven policy, else on the best one so far.

        A proof that failed stands: the same policy is not tried again on other seeds. The policy
        lends its shape.

        Raises:
            UprightError: `consider` was never called.
        """
        if self.verdict is None:
            if self.best is None:
                raise UprightError("Nothing was evaluated, so there is nothing to prove.")
            began = time.perf_counter()
            best = copy.deepcopy(policy)
            best.load(self.best.weights)
            proof = self._failed_proof or self._proof(best, self.best)
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

    def _proof(self, policy: Policy, candidate: Candidate) -> Evaluation:
        """The candidate's proof; where it passes by no more than chance explains, a longer one.

        A proof that passes with the threshold inside its 95% interval may have passed by luck: it
        goes on to `CLOSE_EPISODES`, of which it is the beginning, and the mean of all decides. One
        that fails, fails at once, however close: it claims nothing and costs only more training,
        and to play it on would be one more way past the threshold for policies that are below it.
        What is proven of a threshold is proven by `NUM_EPISODES`, however few an evaluation has.
        """
        seed = derive_seed(self._seed, Stream.PROOF, candidate.timesteps)
        claims = self.evaluator.threshold is not None
        episodes = max(self._episodes, NUM_EPISODES if claims else 0)
        proof = self.evaluator.evaluate(policy, seed, episodes=episodes)
        if episodes < CLOSE_EPISODES and Verdict(candidate, proof).is_close:
            proof = self.evaluator.evaluate(policy, seed, episodes=CLOSE_EPISODES)
        return proof


def usual_episodes(env: EnvSource) -> int:
    """Episodes of an evaluation: 100, and 10 of a game of Atari, each thousands of steps long."""
    return ATARI_EPISODES if is_atari(in_full(env).base) else NUM_EPISODES


def is_proven(state: State) -> bool:
    """Whether a judge's state holds a proven policy."""
    return "proven" in state.values


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
    return State(values, {name: array.copy() for name, array in candidate.weights.items()})


def _candidate(state: State, expected: Weights) -> tuple[Candidate, Evaluation | None]:
    weights = {}
    for name, (kind, shape) in layout_of(expected).items():
        array = state.array(name, shape, kind)
        if not np.isfinite(array).all():
            raise UprightError(f"The recorded state holds numbers that are not finite, in {name}.")
        weights[name] = array
    proof = state.values.get("proof")
    candidate = Candidate(
        Evaluation.from_record(state.value("selection", dict)), state.count("timesteps"), weights
    )
    return candidate, None if proof is None else Evaluation.from_record(state.value("proof", dict))
