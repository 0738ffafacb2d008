"""The ladder: REINFORCE, actor-critic, PPO; each differs by its advantages and its loss."""

from typing import Any

from upright.learning.actor_critic import ActorCritic
from upright.learning.algorithm import Algorithm
from upright.learning.ppo import PPO
from upright.learning.reinforce import Reinforce

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {
    "reinforce": Reinforce,
    "actor-critic": ActorCritic,
    "ppo": PPO,
}
