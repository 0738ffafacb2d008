"""Evaluation: episodes by a policy, on seeds of their own; and a recorded verdict repeated."""

import math
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from upright.envs import (
    BACKENDS,
    Envs,
    EnvSource,
    Mask,
    fastest_backend,
    make_envs,
    name_of,
    reward_threshold,
)
from upright.ground import (
    LARGEST_FLOAT32,
    Array,
    Floats,
    NonFiniteError,
    Stream,
    UprightError,
    derive_seed,
)
from upright.judging.evaluation import Evaluation
from upright.judging.statistics import bootstrap_interval
from upright.judging.verdict import Verdict
from upright.policy import Policy, refuse_misfit

NUM_EPISODES = 100
# So many steps in which nothing ends are no evaluation, but an environment without a time limit.
ENDLESS = 100_000


class Evaluator:
    """Evaluates policies on one environment, keeping the environments between calls.

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        episodes: How many episodes an evaluation has that does not say otherwise; their numbers,
            not their ends, decide which ones count, so short episodes are not preferred.
        backend: As in `make_envs`.
        num_envs: Environments side by side; 0 for what suits the backend.
        threshold: The mean return that counts as solved; None for the environment's own.
        mask: As in `make_envs`; the choice with which the policies were trained.
    """

    def __init__(
        self,
        env: EnvSource,
        episodes: int,
        backend: str = "auto",
        num_envs: int = 0,
        threshold: float | None = None,
        mask: Mask = "auto",
    ) -> None:
        self.threshold = reward_threshold(env, threshold)
        self._episodes, self._name = episodes, name_of(env)
        chosen: Any = fastest_backend(env) if backend == "auto" else backend
        side_by_side = BACKENDS[chosen].lanes
        if not side_by_side:
            raise UprightError(
                f"Policies are judged on Gymnasium's own environments, never on {chosen}'s."
            )
        lanes = num_envs or min(episodes, side_by_side)
        self._envs: Envs = make_envs(env, lanes, 0, chosen, mask=mask)

    @np.errstate(over="ignore", invalid="ignore")  # what comes of it is looked at in the end
    def evaluate(
        self,
        policy: Policy,
        seed: int,
        deterministic: bool = True,
        episodes: int = 0,
        look: int = 0,
    ) -> Evaluation:
        """Play the episodes; environment n plays the numbers n, n + N, n + 2N, ...

        Args:
            policy: For these environments.
            seed: What the episodes' seeds derive from.
            deterministic: Whether the most probable action is taken, not a drawn one.
            episodes: How many; 0 for as many as the evaluator was made for. More of them on the
                same seed begin with the same ones.
            look: After how many to look whether to go on: not where the threshold lies above
                their mean's 95% interval. They are the evaluation then.

        Raises:
            UprightError: The policy is for another environment, an episode does not end, or its
                return or an observation is not finite.
        """
        self.refuse_misfit(policy)
        envs = self._envs
        lanes, episodes = envs.num_envs, episodes or self._episodes
        rng = np.random.default_rng(derive_seed(seed, Stream.ACTIONS))
        returns = np.zeros(episodes)
        lengths = np.zeros(episodes, np.int64)
        number = np.arange(lanes)
        running_return, running_length = np.zeros(lanes), np.zeros(lanes, np.int64)
        obs, quiet = envs.reset(seed), 0
        while (number < episodes).any():
            numbers = envs.observations.numbers(obs)
            if not math.isfinite(numbers.sum()):
                _refuse_nonfinite(numbers)
            noise = 0.0 if deterministic else policy.distribution.noise(rng, (lanes,))
            step = envs.step(policy.distribution.bounded(policy.act(obs, noise, envs.masks)))
            running_return += step.rewards * step.valid
            running_length += step.valid
            obs, quiet = step.obs, quiet + 1
            if quiet > ENDLESS:
                raise UprightError(
                    f"No episode of an evaluation ended within {ENDLESS:,} steps.",
                    "Give the environment a time limit: gymnasium.wrappers.TimeLimit, or "
                    "max_episode_steps where it is registered.",
                )
            if step.any_done:
                done = step.done
                obs, quiet = envs.restart(done, obs), 0
                counted = done & (number < episodes)
                returns[number[counted]] = running_return[counted]
                lengths[number[counted]] = running_length[counted]
                running_return[done] = running_length[done] = 0
                number[done] += lanes
                if 0 < look < episodes and (number >= look).all():
                    episodes = look if self._fall_short(returns[:look]) else episodes
                    look = 0
        returns, lengths = returns[:episodes], lengths[:episodes]
        impossible = ~(np.abs(returns) <= LARGEST_FLOAT32)
        if impossible.any():
            first = int(np.argmax(impossible))
            raise UprightError(
                f"Episode {first} of an evaluation has the return {returns[first]}.",
                "The environment's rewards should be finite numbers of 32 bits.",
            )
        found, steps = tuple(returns.tolist()), tuple(lengths.tolist())
        return Evaluation(found, seed, deterministic, self.threshold, steps, lanes, envs.backend)

    def _fall_short(self, returns: Floats) -> bool:
        return self.threshold is not None and bootstrap_interval(returns)[1] < self.threshold

    def refuse_misfit(self, policy: Policy) -> None:
        """Refuse a policy for other spaces.

        Raises:
            UprightError: It is for others.
        """
        refuse_misfit(policy, self._name, self._envs.observations, self._envs.actions)

    def close(self) -> None:
        """Release the environments."""
        self._envs.close()


def _refuse_nonfinite(numbers: Array) -> None:
    """Refuse observations [N, ...] of which no policy can make anything; their sum was not finite.

    Raises:
        NonFiniteError: One of them is not; else they are large.
    """
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        place = f" in environment {wrong[0][0]} of an evaluation"
        raise NonFiniteError("The observation", float(numbers[tuple(wrong[0])]), place)


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


def repeated(verdict: Verdict, policy: Policy, env: EnvSource, same_versions: bool) -> Verification:
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


def _again(recorded: Evaluation, policy: Policy, env: EnvSource) -> Evaluation:
    episodes = len(recorded.returns)
    place = (recorded.backend, recorded.num_envs, recorded.threshold, policy.mask)
    with closing(Evaluator(env, episodes, *place)) as evaluator:
        return evaluator.evaluate(policy, recorded.seed, recorded.deterministic)
