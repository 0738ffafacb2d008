"""Returns, losses, Adam, the ladder of algorithms, and the trainer: no file, no print."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.learning.actor_critic import ActorCritic
    from upright.learning.adam import Adam
    from upright.learning.ladder import ALGORITHMS
    from upright.learning.metric import RECENT, Metric
    from upright.learning.ppo import PPO
    from upright.learning.reinforce import Reinforce
    from upright.learning.trainer import Iteration, PoisonedError, Trainer

__getattr__, __dir__, __all__ = opened(__name__)
