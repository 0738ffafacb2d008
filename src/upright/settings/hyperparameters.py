"""Every hyperparameter once: frozen, validated, with unit, default, bounds and source.

The same field is a keyword in Python, a key in TOML and a flag on the command line.
"""

from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from upright.settings.backends import BackendField
from upright.settings.fields import (
    LARGEST_SETTING,
    Amount,
    Float,
    Fraction,
    Int,
    Natural,
    Schedule,
    ScheduleField,
    Sizes,
    setting,
)

MAX_WEIGHTS, MAX_TRANSITIONS = 10**9, 10**8
PPO_PAPER = "Schulman et al. 2017"
A3C_PAPER = "Mnih et al. 2016"


class Settings(BaseModel):
    """What every algorithm has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

    total_timesteps: Int = setting(
        500_000, "budget of environment transitions, over all environments", "timesteps", ge=1
    )
    total_episodes: Natural = setting(
        0, "stop after this many training episodes; 0 for no such limit", "episodes"
    )
    eval_every: Natural = setting(
        0, "timesteps between evaluations; 0 for a twentieth of the budget", "timesteps"
    )
    schedule_timesteps: Natural = setting(
        0, "timesteps in which START:END schedules move; 0 for the budget", "timesteps"
    )
    num_envs: Int = setting(8, "environments stepped together (N)", ge=1, le=65536)
    shards: Int = setting(
        0,
        "groups of environments that are collected each on its own, wherever (--workers); the same "
        "shards are the same run; 0 for one group in this process",
        ge=0,
        le=512,
    )
    backend: BackendField = setting(
        "auto",
        "how environments run: vector (their own form of it), sync (one loop), envpool, or "
        "auto (the fastest that resumes exactly)",
    )
    gamma: Fraction = setting(0.99, "discount per step", source=PPO_PAPER)
    learning_rate: ScheduleField = setting(
        Schedule(3e-4, 3e-4), "Adam's step size; START:END moves linearly", source=PPO_PAPER
    )
    adam_eps: Float = setting(
        1e-5, "Adam's epsilon", source="Huang et al. 2022, detail 3", gt=0, le=1
    )
    max_grad_norm: Amount = setting(
        0.5, "clip the gradient's norm to this; 0 for no clipping", source=A3C_PAPER
    )
    ent_coef: Amount = setting(0.0, "weight of the entropy bonus", "loss per nat", A3C_PAPER)
    network: Literal["auto", "mlp", "cnn"] = setting(
        "auto",
        "a CNN for pictures, an MLP for all else (auto); pictures as numbers (mlp); a CNN or none",
        source="Mnih et al. 2015",
    )
    hidden_sizes: Sizes = setting(
        (64, 64), "units of each hidden layer, comma-separated", source=PPO_PAPER
    )
    activation: Literal["tanh", "relu"] = setting("tanh", "hidden nonlinearity", source=PPO_PAPER)
    bias: bool = setting(True, "whether layers have biases")
    initialization: Literal["orthogonal", "uniform"] = setting(
        "orthogonal",
        "first weights: orthogonal with zero biases, or PyTorch's uniform",
        source="Huang et al. 2022, detail 2",
    )
    log_std_init: Float = setting(
        0.0,
        "first log standard deviation of Box actions, in which 1 is half their range",
        ge=-20,
        le=20,
    )
    mask: Literal["auto", "off"] = setting(
        "auto",
        "auto: never take an action that the environment's action mask forbids; off: ignore it",
        source="Huang & Ontañón 2022",
    )
    squash_actions: bool = setting(
        False, "bring Box actions between their bounds by tanh, not by cutting off"
    )
    normalize_obs: bool = setting(
        False, "standardise observations by a running mean and deviation kept in the policy"
    )
    clip_obs: Float = setting(
        10.0,
        "cut off what normalize_obs makes of observations at this many deviations",
        source="Huang et al. 2022, on continuous actions",
        gt=0,
        le=LARGEST_SETTING,
    )
    normalize_rewards: bool = setting(
        False, "learn from rewards divided by the running deviation of the discounted return"
    )
    reward_scale: Float = setting(
        1.0,
        "learn from rewards times this; value_scale is the critic's units alone",
        ge=1 / LARGEST_SETTING,
        le=LARGEST_SETTING,
    )
    clip_rewards: Amount = setting(
        0.0, "cut off what is learned from as a reward at plus or minus this; 0 for no clipping"
    )
    vf_coef: Amount = setting(0.5, "weight of the value loss beside the policy's", source=PPO_PAPER)
    value_scale: Float = setting(
        1.0,
        "return, of scaled rewards, per unit of the critic's output",
        "return",
        ge=1e-30,
        le=1e30,
    )
    shared_network: bool = setting(False, "one hidden stack under actor and critic")
    separate_optimizers: bool = setting(
        False, "an Adam, and a gradient norm, for the actor and another for the critic"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shared_network and self.separate_optimizers:
            raise ValueError("separate_optimizers needs separate networks (shared_network = false)")
        if self.shards and self.num_envs % self.shards:
            raise ValueError(
                f"num_envs ({self.num_envs}) should be a multiple of shards ({self.shards}), so "
                "that every shard has as many"
            )
        weights = sum(inputs * outputs for inputs, outputs in pairwise(self.hidden_sizes))
        if weights > MAX_WEIGHTS:
            raise ValueError(f"hidden_sizes means {weights:,} weights, more than {MAX_WEIGHTS:,}")
        if self.num_envs * self.rollout_steps > MAX_TRANSITIONS:
            raise ValueError(f"one rollout would have more than {MAX_TRANSITIONS:,} transitions")
        return self

    @property
    def timesteps_between_evaluations(self) -> int:
        """`eval_every`, or the twentieth of the budget that 0 stands for."""
        return self.eval_every or max(1, self.total_timesteps // 20)

    @property
    def return_unit(self) -> float | None:
        """The environment's return per unit of V(s); None where no number says it exactly."""
        return None if self.normalize_rewards or self.clip_rewards else 1.0 / self.reward_scale

    @property
    def has_critic(self) -> bool:
        """Whether a value is learned."""
        return True

    @property
    def rollout_steps(self) -> int:
        """Steps of each environment in one rollout; 0 for whole episodes."""
        return 0

    @property
    def episodes_per_env(self) -> int:
        """Each environment's share where whole episodes are collected."""
        return 1

    @property
    def collects_ahead(self) -> bool:
        """Whether the next rollout is collected while this one is learned from."""
        return False

    @property
    def shard_width(self) -> int:
        """Environments in one shard; all of them where there are no shards."""
        return self.num_envs // max(1, self.shards)

    def schedules(self) -> dict[str, Schedule]:
        """The settings that move, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: value
            for name, value in named.items()
            if isinstance(value, Schedule) and value.start != value.end
        }


class ReinforceSettings(Settings):
    """REINFORCE: whole episodes, weighted by their discounted returns."""

    num_episodes: Int = setting(
        8, "whole episodes in one update, over all environments", "episodes", ge=1
    )
    normalize_returns: bool = setting(
        True, "subtract the mean of the update's weights and divide by their deviation"
    )
    normalize_eps: Fraction = setting(1e-8, "added to that deviation")
    baseline: bool = setting(
        False, "subtract a learned value from the return", source="Williams 1992"
    )

    @model_validator(mode="after")
    def _whole_shares(self) -> Self:
        if self.num_episodes % self.num_envs:
            raise ValueError(
                f"num_episodes ({self.num_episodes}) should be a multiple of "
                f"num_envs ({self.num_envs}), so that every environment has the same share"
            )
        return self

    @property
    def has_critic(self) -> bool:
        """Whether a value is learned: the baseline."""
        return self.baseline

    @property
    def episodes_per_env(self) -> int:
        """Each environment's share of the update's episodes."""
        return self.num_episodes // self.num_envs


def _num_steps(default: int, source: str) -> Any:
    what = "steps of each environment in one rollout (T); 0 for one whole episode of each"
    return setting(default, what, "steps", source, ge=0, le=1_000_000)


class ActorCriticSettings(Settings):
    """Advantage actor-critic: n steps or whole episodes, GAE."""

    num_steps: Int = _num_steps(16, A3C_PAPER)
    gae_lambda: Fraction = setting(
        0.95,
        "weight of longer advantage estimates; 1 is Monte Carlo",
        source="Schulman et al. 2016",
    )
    normalize_advantages: bool = setting(True, "standardise the advantages")

    @property
    def rollout_steps(self) -> int:
        """Steps of each environment in one rollout; 0 for whole episodes."""
        return self.num_steps


class PPOSettings(ActorCriticSettings):
    """PPO: the clipped surrogate, several epochs over one rollout."""

    num_steps: Int = _num_steps(128, PPO_PAPER)
    num_epochs: Int = setting(10, "passes over one rollout", "epochs", PPO_PAPER, ge=1)
    minibatch_size: Natural = setting(
        0, "transitions in one gradient step; 0 for the whole rollout", "timesteps"
    )
    normalize_advantages_over: Literal["rollout", "minibatch"] = setting(
        "rollout",
        "what normalize_advantages standardises: all of a rollout once, or every minibatch",
        source="Huang et al. 2022, detail 7",
    )
    clip_range: ScheduleField = setting(
        Schedule(0.2, 0.2),
        "how far the probability ratio may leave 1; START:END moves linearly",
        source=PPO_PAPER,
    )
    clip_range_vf: Amount = setting(
        0.0, "how far a value may leave the old one; 0 for no value clipping", "return"
    )
    target_kl: Amount = setting(
        0.0, "leave the epochs when KL(old || new) exceeds 1.5 times this; 0 for never", "nats"
    )

    lag: Int = setting(
        0,
        "1 to collect the next rollout while learning from this one, with the weights from before "
        "it (needs shards); 0 to collect with the newest",
        "updates",
        ge=0,
        le=1,
    )

    @model_validator(mode="after")
    def _clips_and_waits(self) -> Self:
        if self.clip_range.start <= 0.0:
            raise ValueError("clip_range should start above 0")
        if self.lag and not self.shards:
            raise ValueError("lag is for shards: say --shards too, a divisor of num_envs")
        return self

    @property
    def collects_ahead(self) -> bool:
        """Whether the next rollout is collected while this one is learned from."""
        return self.lag > 0


SETTINGS: dict[str, type[Settings]] = {
    "reinforce": ReinforceSettings,
    "actor-critic": ActorCriticSettings,
    "ppo": PPOSettings,
}
