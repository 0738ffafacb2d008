"""Environments of one step over every kind of space, whose best return is known: 0."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

BOX = spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([4.0, 0.5], np.float32))


class Guess(gym.Env[Any, Any]):
    """One step: the reward is less the further the action is from what the observation asks for.

    The number `asked`, 0 to 2, is in the observation; `aim` says which action it asks for.
    """

    observation_space: spaces.Space[Any] = spaces.Discrete(3, start=5)

    def __init__(self) -> None:
        self.asked = 0

    def show(self) -> Any:
        return np.int64(self.asked + 5)

    def cost(self, action: Any) -> float:
        raise NotImplementedError

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.asked = int(self.np_random.integers(3))
        return self.show(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        return self.show(), -float(self.cost(action)), True, False, {}


class GuessNumber(Guess):
    action_space = spaces.Discrete(3, start=-1)

    def cost(self, action: Any) -> float:
        return float(action != self.asked - 1)


class GuessNumbers(Guess):
    action_space = spaces.MultiDiscrete([[3, 2], [2, 4]])

    def cost(self, action: Any) -> float:
        right = [[self.asked, self.asked % 2], [0, 3]]
        return float((action != np.array(right)).mean())


class GuessBits(Guess):
    observation_space = spaces.MultiDiscrete([3, 2], start=[-1, 0])
    action_space = spaces.MultiBinary(3)

    def show(self) -> Any:
        return np.array([self.asked - 1, 1])

    def cost(self, action: Any) -> float:
        return float((action != np.eye(3, dtype=np.int8)[self.asked]).mean())


class GuessPoint(Guess):
    observation_space = spaces.Tuple([spaces.MultiBinary(3), spaces.Box(-1, 1, (2, 2))])
    action_space = BOX

    def show(self) -> Any:
        return np.eye(3, dtype=np.int8)[self.asked], np.ones((2, 2), np.float32)

    def cost(self, action: Any) -> float:
        right = np.array([self.asked * 2.0 - 1.0, 0.25])
        return float((((action - right) / (BOX.high - BOX.low)) ** 2).sum())


class GuessAll(Guess):
    observation_space = spaces.Dict(
        which=spaces.Discrete(3, start=5), more=spaces.Tuple([spaces.Box(0, 255, (2,), np.uint8)])
    )
    action_space = spaces.Dict(
        point=spaces.Box(-1.0, 1.0, (1,), np.float64),
        more=spaces.Tuple([spaces.Discrete(3), spaces.MultiBinary(2)]),
    )

    def show(self) -> Any:
        return {"which": np.int64(self.asked + 5), "more": (np.zeros(2, np.uint8),)}

    def cost(self, action: Any) -> float:
        number, bits = action["more"]
        wrong = float(number != self.asked) + float((bits != [1, 0]).mean())
        return wrong + float((action["point"][0] - 0.5 * (self.asked - 1)) ** 2)


class Reading(Guess):
    observation_space = spaces.Text(4)
    action_space = spaces.Discrete(2)


class Unbounded(Guess):
    action_space = spaces.Box(-np.inf, np.inf, (2,))

    def cost(self, action: Any) -> float:
        return float(np.square(action).sum())


class GuessBand(Guess):
    """A column of a picture is bright, in the left, the middle or the right of it."""

    observation_space: spaces.Space[Any] = spaces.Box(0, 255, (8, 9, 3), np.uint8)
    action_space: spaces.Space[Any] = spaces.Discrete(3)
    at = turn = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at = 3 * self.asked + int(self.np_random.integers(3))
        return self.show(), {}

    def show(self) -> Any:
        picture = np.zeros((8, 9, 3), np.uint8)
        picture[:, self.at] = 255
        return picture

    def cost(self, action: Any) -> float:
        return float(action != self.asked)


class GuessSpeck(GuessBand):
    """Too small to be a picture."""

    observation_space = spaces.Box(0, 255, (2, 2, 3), np.uint8)


class GuessWall(GuessBand):
    """Too large to be one that a record may speak of."""

    observation_space = spaces.Box(0, 255, (2**13, 2**12, 3), np.uint8)


class GuessScreen(GuessBand):
    """Large enough that many of it together are too large."""

    observation_space = spaces.Box(0, 255, (400, 400, 3), np.uint8)


class GuessBandAndNumber(GuessBand):
    """Half of the answer is in a picture and half in a number beside it."""

    observation_space = spaces.Dict(
        camera=GuessBand.observation_space,
        more=spaces.Tuple([spaces.Discrete(3, start=2), spaces.Box(-1, 1, (2,))]),
    )
    action_space = spaces.MultiDiscrete([3, 3])

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn = int(self.np_random.integers(3))
        return self.show(), {}

    def show(self) -> Any:
        turned = np.int64(self.turn + 2), np.zeros(2, np.float32)
        return {"camera": super().show(), "more": turned}

    def cost(self, action: Any) -> float:
        return float((action != np.array([self.asked, self.turn])).mean())


class Wandering(GuessBand):
    """A column of a picture, beside a number, goes to and fro for some steps."""

    observation_space = spaces.Dict(
        camera=GuessBand.observation_space, noise=spaces.Box(-np.inf, np.inf, (1,))
    )

    def show(self) -> Any:
        return {"camera": super().show(), "noise": self.np_random.normal(size=1).astype("f4")}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.at = (self.at + int(action) - 1) % 9
        return self.show(), float(self.at == 4), bool(self.np_random.random() < 0.05), False, {}


class WanderingUnseen(Wandering):
    """The same, of which only the picture is shown."""

    observation_space = GuessBand.observation_space

    def show(self) -> Any:
        return super().show()["camera"]


PICTURED = (GuessBand, GuessBandAndNumber)
GUESSES = (GuessNumber, GuessNumbers, GuessBits, GuessPoint, GuessAll)
