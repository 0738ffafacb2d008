"""Upright: policy-gradient reinforcement learning that stands up in a second.

    >>> import upright
    >>> run = upright.train("CartPole-v1", algo="ppo", seed=0)
    >>> run.solved
    True
    >>> action, _ = run.policy.predict([0.0, 0.1, 0.0, -0.1], deterministic=True)

Importing this package loads neither NumPy nor Gymnasium; the first use of a name does. PyTorch is
loaded only where it is asked for.
"""

from typing import TYPE_CHECKING

from upright.ground.door import opened
from upright.ground.version import VERSION

if TYPE_CHECKING:
    from upright.api import load as load
    from upright.api import resume as resume
    from upright.api import search as search
    from upright.api import seeds as seeds
    from upright.api import train as train
    from upright.api import verify as verify
    from upright.classes import Run as Run
    from upright.classes import Seeds as Seeds
    from upright.classes import Trainer as Trainer
    from upright.ground import UprightError as UprightError
    from upright.judging import Evaluation as Evaluation
    from upright.learning import PPO as PPO
    from upright.learning import ActorCritic as ActorCritic
    from upright.learning import Reinforce as Reinforce
    from upright.study import compare as compare

__version__ = VERSION
__getattr__, _, __all__ = opened(__name__)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
