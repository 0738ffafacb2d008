"""The ladder: REINFORCE, then actor-critic, then PPO; each differs by its weights and its loss."""

from typing import Any

from upright.algorithms.actor_critic import ActorCritic
from upright.algorithms.base import Algorithm
from upright.algorithms.ppo import PPO
from upright.algorithms.reinforce import Reinforce

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {
    "reinforce": Reinforce,
    "actor-critic": ActorCritic,
    "ppo": PPO,
}

__all__ = ["ALGORITHMS", "PPO", "ActorCritic", "Algorithm", "Reinforce"]
