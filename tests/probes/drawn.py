"""An environment that draws itself and that nothing simulates in a browser."""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np


class Drawn(gym.Env[Any, Any]):
    """Ends after five steps of reward 1; the picture grows brighter with each."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}
    observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(3, start=4)

    def __init__(self, picture: Any = None, render_mode: str | None = None) -> None:
        self.render_mode, self._steps, self._picture = render_mode, 0, picture

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        self._steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self._steps += 1
        return np.full(2, 0.1 * self._steps, np.float32), 1.0, self._steps == 5, False, {}

    def render(self) -> Any:
        if isinstance(self._picture, Exception):
            raise self._picture
        if self._picture is not None:
            return self._picture
        return np.full((48, 64, 3), 50 * self._steps, np.uint8)
