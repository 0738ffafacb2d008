"""Each idiom: what stands there, what comes of it, and that it runs."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upright.migration import Relic, migrated
from upright.migration.table import IDIOMS

HEADER = "import gym\nimport numpy as np\n"
MADE = f'{HEADER}env = gym.make("CartPole-v1")\n'
TODAY = "import gymnasium as gym\nimport numpy as np\n"
MADE_TODAY = f'{TODAY}env = gym.make("CartPole-v1")\n'
ACT = "env.action_space.sample()"


class Case(NamedTuple):
    """Lines behind a header, and what they become."""

    before: str
    after: str
    idioms: str
    header: tuple[str, str] = (MADE, MADE_TODAY)


BARE = (HEADER, TODAY)
RESET = (f"{MADE}env.reset()\n", f"{MADE_TODAY}env.reset()\n")
PICTURED = f'{TODAY}env = gym.make("CartPole-v1", render_mode="rgb_array")\n'
CASES = {
    # --- imports
    "another name": Case("import gym as g\n", "import gymnasium as g\n", "import", ("", "")),
    "several": Case("import gym, os\n", "import gymnasium as gym, os\n", "import", ("", "")),
    "parts": Case(
        "from gym import spaces\nfrom gym.wrappers import TimeLimit as T  # kept\n",
        "from gymnasium import spaces\nfrom gymnasium.wrappers import TimeLimit as T  # kept\n",
        "import import",
        ("", ""),
    ),
    "a submodule": Case(
        "import gym.spaces\nprint(gym.spaces.Discrete(2))\n",
        "import gymnasium as gym\nprint(gym.spaces.Discrete(2))\n",
        "import",
        ("", ""),
    ),
    "a submodule of another name": Case(
        "import gym.spaces as s\n", "import gymnasium.spaces as s\n", "import", ("", "")
    ),
    "deep": Case(
        "import gym, gym.spaces, gym.envs.toy_text\nprint(gym.envs.toy_text.taxi.TaxiEnv)\n",
        "import gymnasium as gym, gymnasium.envs.toy_text\nprint(gym.envs.toy_text.taxi.TaxiEnv)\n",
        "import",
        ("", ""),
    ),
    "within try": Case(
        "try:\n    import gym\nexcept ImportError:\n    gym = None\n",
        "try:\n    import gymnasium as gym\nexcept ImportError:\n    gym = None\n",
        "import",
        ("", ""),
    ),
    # --- step
    "step": Case(
        f"obs, reward, done, info = env.step({ACT})\n",
        f"obs, reward, terminated, truncated, info = env.step({ACT})\n"
        "done = terminated or truncated\n",
        "step",
        RESET,
    ),
    "step in a line": Case(
        f"if True: o, r, d, _ = env.step({ACT}); print(d)\n",
        f"if True: o, r, terminated, truncated, _ = env.step({ACT}); "
        "d = terminated or truncated; print(d)\n",
        "step",
        RESET,
    ),
    "step among statements": Case(
        f"a = {ACT}; o, r, d, _ = env.step(a)  # go\n",
        f"a = {ACT}; o, r, terminated, truncated, _ = env.step(a); "
        "d = terminated or truncated  # go\n",
        "step",
        RESET,
    ),
    "step without done": Case(
        f"o, r, _, _ = env.step({ACT})\n", f"o, r, _, _, _ = env.step({ACT})\n", "step", RESET
    ),
    "step into places": Case(
        f"a, b = [0], {{}}\na[0], b['r'], b['d'], b['i'] = env.step({ACT})\n",
        f"a, b = [0], {{}}\na[0], b['r'], terminated, truncated, b['i'] = env.step({ACT})\n"
        "b['d'] = terminated or truncated\n",
        "step",
        RESET,
    ),
    "step in brackets": Case(
        f"(o, r,\n d, i) = env.step({ACT})\n",
        f"(o, r,\n terminated, truncated, i) = env.step({ACT})\nd = terminated or truncated\n",
        "step",
        RESET,
    ),
    "step with a rest": Case(
        f"o, r, d, *_ = env.step({ACT})\n",
        f"o, r, terminated, truncated, *_ = env.step({ACT})\nd = terminated or truncated\n",
        "step",
        RESET,
    ),
    "names that are taken": Case(
        f"terminated = 3\no, r, d, i = env.step({ACT})\nprint(terminated)\n",
        f"terminated = 3\no, r, step_terminated, step_truncated, i = env.step({ACT})\n"
        "d = step_terminated or step_truncated\nprint(terminated)\n",
        "step",
        RESET,
    ),
    "a deep step": Case(
        "for _ in range(1):\n\twhile True:\n"
        f"\t\to, r, d, i = env.step({ACT})\n\t\t# end\n\t\tbreak\n",
        "for _ in range(1):\n\twhile True:\n"
        f"\t\to, r, terminated, truncated, i = env.step({ACT})\n"
        "\t\td = terminated or truncated\n\t\t# end\n\t\tbreak\n",
        "step",
        RESET,
    ),
    "the info of a step": Case(
        f"print(env.step({ACT})[3], env.step({ACT})[1])\n",
        f"print(env.step({ACT})[4], env.step({ACT})[1])\n",
        "step-inside",
        RESET,
    ),
    # --- time limit
    "time limit": Case(
        f"o, r, d, i = env.step({ACT})\nprint(i.get('TimeLimit.truncated', False))\n"
        "if d and 'TimeLimit.truncated' in i: print(i['TimeLimit.truncated'])\n",
        f"o, r, terminated, truncated, i = env.step({ACT})\nd = terminated or truncated\n"
        "print(truncated)\nif d and truncated: print(truncated)\n",
        "step time-limit time-limit time-limit",
        RESET,
    ),
    "words without blanks": Case(
        f"o,r,d,i=env.step({ACT})\nif'TimeLimit.truncated'in i:pass\n"
        "x=(env.reset())if'TimeLimit.truncated'not in i else np.float(1)\n"
        "def f():return(env.reset())\n",
        f"o,r,terminated, truncated,i=env.step({ACT})\nd = terminated or truncated\n"
        "if(truncated):pass\nx=(env.reset())[0]if(not truncated) else (float)(1)\n"
        "def f():return(env.reset())[0]\n",
        "step time-limit reset time-limit numpy reset",
        RESET,
    ),
    # --- reset
    "reset": Case("obs = env.reset()\n", "obs, _ = env.reset()\n", "reset"),
    "reset in an expression": Case(
        "obs = np.array([env.reset()])\nprint(env.reset().shape)\n",
        "obs = np.array([env.reset()[0]])\nprint(env.reset()[0].shape)\n",
        "reset reset",
    ),
    "reset beside others": Case(
        "obs, done = env.reset(), False\n", "obs, done = env.reset()[0], False\n", "reset"
    ),
    "reset twice named": Case("a = b = env.reset()\n", "a = b = env.reset()[0]\n", "reset"),
    "reset with a type": Case(
        "obs: np.ndarray = env.reset()\n", "obs: np.ndarray = env.reset()[0]\n", "reset"
    ),
    "reset where the underscore means something": Case(
        "from gettext import gettext as _\nobs = env.reset()\nprint(_('now'))\n",
        "from gettext import gettext as _\nobs = env.reset()[0]\nprint(_('now'))\n",
        "reset",
    ),
    "reset with a seed": Case("o = env.reset(seed=3)\n", "o, _ = env.reset(seed=3)\n", "reset"),
    "reset that asks for its info": Case(
        "obs, info = env.reset(seed=1, return_info=True)\n",
        "obs, info = env.reset(seed=1)\n",
        "reset",
    ),
    "reset from a function": Case(
        "def fresh():\n    return env.reset()\nprint(fresh().shape)\n",
        "def fresh():\n    return env.reset()[0]\nprint(fresh().shape)\n",
        "reset",
    ),
    "many wrappers in turn": Case(
        "from gym.wrappers import ClipAction as C\n"
        "def more(env): return env\n" + "env = more(env)\n" * 12 + "obs = env.reset()\n",
        "from gymnasium.wrappers import ClipAction as C\n"
        "def more(env): return env\n" + "env = more(env)\n" * 12 + "obs, _ = env.reset()\n",
        "import reset",
    ),
    "unwrapped under the same name": Case(
        "env = env.unwrapped\nobs = env.reset()\nprint(env.gravity)\n",
        "env = env.unwrapped\nobs, _ = env.reset()\nprint(env.gravity)\n",
        "reset",
    ),
    "a parameter that says its type": Case(
        "from copy import deepcopy\nother_env = deepcopy(3)\n"
        "def play(world: gym.Env):\n    obs = world.reset()\n    return obs.shape\n"
        "print(play(env))\n",
        "from copy import deepcopy\nother_env = deepcopy(3)\n"
        "def play(world: gym.Env):\n    obs, _ = world.reset()\n    return obs.shape\n"
        "print(play(env))\n",
        "reset",
    ),
    # --- seed
    "seed": Case("env.seed(1)\n", "env.reset(seed=1)\n", "seed"),
    "seed in each episode": Case(
        "for e in range(2):\n    env.seed(e)\n    o = env.reset()\n    env.step(0)\n",
        "for e in range(2):\n    env.reset(seed=e)\n    o, _ = env.reset()\n    env.step(0)\n",
        "seed reset",
    ),
    "a space's seed stays": Case("env.action_space.seed(1)\n", "env.action_space.seed(1)\n", ""),
    # --- render
    "render": Case(
        "env.reset()\nenv.render()\n",
        "env.reset()\nenv.render()\n",
        "render-mode render",
        (MADE, PICTURED),
    ),
    "pictures": Case(
        "env.reset()\nprint(env.render(mode='rgb_array').shape, env.render('rgb_array').shape)\n",
        "env.reset()\nprint(env.render().shape, env.render().shape)\n",
        "render-mode render",
        (MADE, PICTURED),
    ),
    "pictures of a parameter": Case(
        "def shown(env):\n    env.reset()\n    return env.render(mode='rgb_array').shape\n"
        "print(shown(gym.make(\n    'CartPole-v1',\n)))\n",
        "def shown(env):\n    env.reset()\n    return env.render().shape\n"
        "print(shown(gym.make(\n    'CartPole-v1', render_mode=\"rgb_array\",\n)))\n",
        "render render-mode",
        BARE,
    ),
    "text": Case(
        "lake = gym.make('FrozenLake-v1')\nlake.reset()\nprint(lake.render(mode='ansi'))\n",
        "lake = gym.make('FrozenLake-v1', render_mode=\"ansi\")\nlake.reset()\n"
        "print(lake.render())\n",
        "render-mode render",
        BARE,
    ),
    "the new api asked for": Case(
        "e = gym.make('CartPole-v1', new_step_api=True)\n",
        "e = gym.make('CartPole-v1')\n",
        "make-arguments",
        BARE,
    ),
    # --- wrappers
    "Monitor without videos": Case(
        "env = gym.wrappers.Monitor(env, 'x', video_callable=False, force=True)\n",
        "env = gym.wrappers.RecordEpisodeStatistics(env)\n",
        "wrapper",
    ),
    "wrappers of another name": Case(
        "from gym import wrappers as w\ne = w.GrayScaleObservation(gym.make('CarRacing-v1'))\n"
        "e = w.FrameStack(e, num_stack=2, lz4_compress=False)\n",
        "from gymnasium import wrappers as w\n"
        "e = w.GrayscaleObservation(gym.make('CarRacing-v3'))\n"
        "e = w.FrameStackObservation(e, stack_size=2)\n",
        "import id wrapper wrapper",
        BARE,
    ),
    "wrappers that want more": Case(
        "e = gym.make('CarRacing-v2')\ne = gym.wrappers.ResizeObservation(e, 32)\n"
        "e = gym.wrappers.TransformObservation(e, lambda o: o)\n"
        "e = gym.wrappers.RecordEpisodeStatistics(e, deque_size=9)\n",
        "e = gym.make('CarRacing-v3')\ne = gym.wrappers.ResizeObservation(e, (32, 32))\n"
        "e = gym.wrappers.TransformObservation(e, lambda o: o, observation_space=None)\n"
        "e = gym.wrappers.RecordEpisodeStatistics(e, buffer_length=9)\n",
        "id wrapper wrapper wrapper",
        BARE,
    ),
    # --- ids
    "an id in a name": Case(
        "ENV = 'CartPole-v0'\nIDS = ['Pendulum-v0', 'x']\n",
        "ENV = 'CartPole-v1'\nIDS = ['Pendulum-v1', 'x']\n",
        "id id",
        BARE,
    ),
    "an id in a sentence stays": Case(
        "print('CartPole-v0')\nprint('it was CartPole-v0')\n",
        "print('CartPole-v0')\nprint('it was CartPole-v0')\n",
        "",
        BARE,
    ),
    "Atari": Case(
        'e = gym.make("PongDeterministic-v0")\n',
        'e = gym.make("ALE/Pong-v5", frameskip=4, repeat_action_probability=0.25)\n',
        "atari",
        (HEADER, "import gymnasium as gym\nimport ale_py\nimport numpy as np\n"),
    ),
    "a game in a name": Case(
        "ENV = 'PongNoFrameskip-v4'\ne = gym.make(ENV)\n",
        "ENV = 'PongNoFrameskip-v4'\ne = gym.make(ENV)\n",
        "id",
        (HEADER, "import gymnasium as gym\nimport ale_py\nimport numpy as np\n"),
    ),
    # --- inside
    "within": Case(
        "print(env.state, env.env.gravity, env.spec.id)\nenv.gravity = 9\n",
        "print(env.unwrapped.state, env.unwrapped.gravity, env.spec.id)\n"
        "env.unwrapped.gravity = 9\n",
        "inside inside inside",
        RESET,
    ),
    "how long an episode is": Case(
        "print(env._max_episode_steps, env.spec.timestep_limit)\n",
        "print(env.spec.max_episode_steps, env.spec.max_episode_steps)\n",
        "inside inside",
    ),
    "unwrapped is within": Case(
        "env = gym.make('CartPole-v1').unwrapped\nprint(env.gravity)\n",
        "env = gym.make('CartPole-v1').unwrapped\nprint(env.gravity)\n",
        "",
        BARE,
    ),
    # --- the package
    "the registry": Case(
        "a = [s.id for s in gym.envs.registry.all()]\nb = list(gym.envs.registry.env_specs)\n",
        "a = [s.id for s in gym.registry.values()]\nb = list(gym.registry)\n",
        "package package",
        BARE,
    ),
    "a spec": Case(
        "print(gym.envs.registry.spec('CartPole-v1').id)\n",
        "print(gym.spec('CartPole-v1').id)\n",
        "package",
        BARE,
    ),
    "the logger": Case(
        "gym.logger.set_level(gym.logger.ERROR)\nfrom gym import logger as log\n"
        "log.set_level(gym.logger.INFO)\n",
        "gym.logger.min_level = gym.logger.ERROR\nfrom gymnasium import logger as log\n"
        "log.min_level = 20\n",
        "logger import package logger",
        BARE,
    ),
    "vectors": Case(
        "envs = gym.vector.make('CartPole-v1', num_envs=2)\nobs = envs.reset()\n"
        "o, r, d, i = envs.step(envs.action_space.sample())\nprint(~d)\n",
        "envs = gym.make_vec('CartPole-v1', num_envs=2)\nobs, _ = envs.reset()\n"
        "o, r, terminated, truncated, i = envs.step(envs.action_space.sample())\n"
        "d = terminated | truncated\nprint(~d)\n",
        "vector reset step",
        BARE,
    ),
    # --- NumPy
    "NumPy": Case(
        "print(np.bool8(1), np.float(2), np.int, np.product([2]), np.NaN, np.bool_)\n",
        "print(np.bool_(1), float(2), int, np.prod([2]), np.nan, np.bool_)\n",
        "numpy numpy numpy numpy numpy",
        BARE,
    ),
    # --- one's own
    "an environment of one's own": Case(
        "class Own(gym.Env):\n"
        "    metadata = {'render.modes': []}\n"
        "    observation_space = action_space = gym.spaces.Discrete(3)\n"
        "    def reset(self):\n"
        "        self.at = self.np_random.randint(3)\n        return self.at\n"
        "    def step(self, action):\n        return self.at, 0.0, True, {}\n"
        "own = Own()\nown.seed(1)\nobs = own.reset()\no, r, d, i = own.step(0)\n",
        "class Own(gym.Env):\n"
        "    metadata = {'render_modes': []}\n"
        "    observation_space = action_space = gym.spaces.Discrete(3)\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        super().reset(seed=seed)\n"
        "        self.at = self.np_random.integers(3)\n        return self.at, {}\n"
        "    def step(self, action):\n        return self.at, 0.0, True, False, {}\n"
        "own = Own()\nown.reset(seed=1)\nobs, _ = own.reset()\n"
        "o, r, terminated, truncated, i = own.step(0)\nd = terminated or truncated\n",
        "metadata own-reset np-random own-reset own-step seed reset step",
        BARE,
    ),
    "one's own around another": Case(
        "class Own(gym.Env):\n"
        "    def seed(self, seed=None):\n        self.drawn = seed\n"
        "    def reset(self):\n        return self.inner.reset()\n"
        "class More(Own):\n"
        "    def reset(self):\n        obs = super().reset()\n        return obs + 1\n"
        "own = More()\n"
        "own.inner = type('Inner', (), {'reset': lambda self: 1})()\n"
        "own.seed(5)\nobs = own.reset()\nprint(1 / (obs == 2 and own.drawn == 5))\n",
        "class Own(gym.Env):\n"
        "    def seed(self, seed=None):\n        self.drawn = seed\n"
        "    def reset(self, *, seed=None, options=None):\n        super().reset(seed=seed)\n"
        "        if seed is not None:\n            self.seed(seed)\n"
        "        return self.inner.reset(), {}\n"
        "class More(Own):\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        obs, info = super().reset(seed=seed, options=options)\n"
        "        return obs + 1, info\n"
        "own = More()\n"
        "own.inner = type('Inner', (), {'reset': lambda self: 1})()\n"
        "own.reset(seed=5)\nobs, _ = own.reset()\nprint(1 / (obs == 2 and own.drawn == 5))\n",
        "own-reset own-reset own-reset wrapper-reset reset own-reset seed reset",
        BARE,
    ),
    "one's own of long ago": Case(
        "class Own(gym.Env):\n"
        "    def reset(self):\n        return self._reset()\n"
        "    def _reset(self):\n        return 1\n"
        "    def step(self, action):\n        return self._step(action)\n"
        "    def _step(self, action):\n        return (1, 0.0, True, dict())\n"
        "o, r, d, i = Own().step(0)\n",
        "class Own(gym.Env):\n"
        "    def reset(self, *, seed=None, options=None):\n        super().reset(seed=seed)\n"
        "        return self._reset(), {}\n"
        "    def _reset(self):\n        return 1\n"
        "    def step(self, action):\n        return self._step(action)\n"
        "    def _step(self, action):\n        return (1, 0.0, True, False, dict())\n"
        "o, r, terminated, truncated, i = Own().step(0)\nd = terminated or truncated\n",
        "own-reset own-reset own-step step",
        BARE,
    ),
    "a wrapper of one's own": Case(
        "class Own(gym.Wrapper):\n"
        "    def reset(self):\n        obs = self.env.reset()\n        return obs * 2\n"
        "    def step(self, action):\n        obs, r, done, info = self.env.step(action)\n"
        "        return obs, r, done, info\n"
        "own = Own(env)\nobs = own.reset()\n",
        "class Own(gym.Wrapper):\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        obs, info = self.env.reset(seed=seed, options=options)\n"
        "        return obs * 2, info\n"
        "    def step(self, action):\n"
        "        obs, r, terminated, truncated, info = self.env.step(action)\n"
        "        done = terminated or truncated\n"
        "        return obs, r, terminated, truncated, info\n"
        "own = Own(env)\nobs, _ = own.reset()\n",
        "own-reset wrapper-reset reset own-reset step own-step reset",
    ),
    "a class that is no environment stays": Case(
        "class Plain:\n    def reset(self):\n        return 0\n"
        "    def step(self, action):\n        return 0, 0.0, True, {}\n"
        "env = Plain()\nobs = env.reset()\no, r, d, i = env.step(0)\n",
        "class Plain:\n    def reset(self):\n        return 0\n"
        "    def step(self, action):\n        return 0, 0.0, True, {}\n"
        "env = Plain()\nobs = env.reset()\no, r, d, i = env.step(0)\n",
        "",
        BARE,
    ),
}
# What is pointed out and left: the text, what is said to work today, and a word of the reason.
LEFT = {
    "a whole step": (f"{MADE}result = env.step(0)\n", "step", "done = terminated or truncated"),
    "a step handed on": (
        f"{MADE}def act(a):\n    return env.step(a)\n",
        "step-inside",
        "obs, reward, terminated, truncated, info = env.step(a)",
    ),
    "the end of a step": (f"{MADE}d = env.step(0)[2]\n", "step-inside", "done = terminated or"),
    "an environment of unknown origin": (
        f"{HEADER}from zoo import make\nenv = make()\no, r, d, i = env.step(0)\n",
        "step",
        "o, r, terminated, truncated, i = env.step(0)\nd = terminated or truncated",
    ),
    "a seed amid an episode": (
        f"{MADE}for a in range(9):\n    env.seed(a)\n    env.step(0)\n",
        "seed",
        "obs, info = env.reset(seed=a)",
    ),
    "a seed that is kept": (f"{MADE}s = env.seed(3)\n", "seed", "obs, info = env.reset(seed=3)"),
    "a mode that is a variable": (
        f"{MADE}m = 'human'\nenv.render(mode=m)\n",
        "render",
        "env.render()",
    ),
    "an info among others": (
        f"{MADE}o, r, done, info = env.step(0)\nfor info in []:\n"
        "    print(info['TimeLimit.truncated'])\n",
        "time-limit",
        "truncated",
    ),
    "an info of unknown origin": (
        f"{MADE}def ended(info):\n    return info['TimeLimit.truncated']\n",
        "time-limit",
        "truncated",
    ),
    "a limit that is set": (
        f"{MADE}env._max_episode_steps = 9\n",
        "inside",
        "max_episode_steps=",
    ),
    "what is gone": (f"{HEADER}gym.scoreboard.api_key = 'x'\n", "package", ""),
    "an import of what is gone": (
        f"{HEADER}from gym.envs.classic_control import rendering\n",
        "import",
        "import gymnasium as gym",
    ),
    "a logger's level by itself": (
        "from gym.logger import set_level\nset_level(40)\n",
        "import",
        "import gymnasium as gym",
    ),
    "a robot": (f"{HEADER}e = gym.make('FetchReach-v1')\n", "id", "gymnasium-robotics"),
    "a game where no gym is imported": (
        "ENV = 'PongNoFrameskip-v4'\ndef play(env):\n    o, r, d, i = env.step(0)\n",
        "id",
        "import ale_py",
    ),
    "a picture of what is none of Gymnasium's": (
        f"{HEADER}e = gym.make('Hanoi-v0', render_mode=str())\ne.render(mode='rgb_array')\n",
        "render",
        'render_mode="rgb_array"',
    ),
    "a window that is closed": (f"{MADE}env.render(close=True)\n", "render", "env.close()"),
    "methods of long ago": (
        f"{HEADER}class Own(gym.Env):\n    def _step(self, action):\n        pass\n",
        "own-step",
        "def step(self, action):",
    ),
    "a robot of long ago": (
        f"{HEADER}e = gym.make('RoboschoolHalfCheetah-v1')\n",
        "id",
        'gym.make("HalfCheetah-v5")',
    ),
    "an older library": (
        f"{HEADER}from stable_baselines import PPO2\n",
        "import",
        "import stable_baselines3",
    ),
}
NEW = {
    "today's loop": (
        "import gymnasium as gym\nenv = gym.make('CartPole-v1')\nobs, info = env.reset(seed=3)\n"
        "obs, reward, terminated, truncated, info = env.step(0)\nstate = env.reset()[0]\n"
        "env.reset()\nenv.step(1)\nprint(env.unwrapped.state, env.observation_space.shape)\n"
    ),
    "a result looked at": (
        "import gymnasium as gym\nenv = gym.make('CartPole-v1')\nout = env.reset()\n"
        "obs, info = out\nresult = env.step(0)\nobs, r, term, trunc, info = result\n"
        "o, r, te, tr, i = env.step(0)\n"
    ),
    "Stable-Baselines3's vectors": (
        "import gymnasium as gym\nfrom stable_baselines3.common.env_util import make_vec_env\n"
        "from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize\n"
        "env = make_vec_env('CartPole-v1', n_envs=2)\nobs = env.reset()\n"
        "obs, rewards, dones, infos = env.step([0, 0])\nprint(infos[0]['TimeLimit.truncated'])\n"
        "vec = VecNormalize(DummyVecEnv([lambda: gym.make('CartPole-v1')]))\nvec.seed(3)\n"
        "obs = vec.reset()\nobs, rewards, dones, infos = vec.step([0])\n"
    ),
    "what is no environment": (
        "import torch\nimport numpy as np\nopt = torch.optim.Adam([])\nopt.step()\n"
        "env = dict(a=1)\nstate = stack.reset()\na, b, c, d = machine.step(1)\nmachine.seed(2)\n"
    ),
    "an environment that is waited for": (
        "import gymnasium as gym\nasync def f(env):\n    o, r, d, i = await env.step(0)\n"
        "    return await env.reset()\n"
    ),
    "other things with seeds and resets": (
        "import gymnasium as gym\nimport numpy as np\nimport chess\n"
        "rng = np.random.RandomState()\nrng.seed(3)\ngame = chess.Board()\n"
        "state = game.reset()\nnp.random.seed(1)\nimport random\nrandom.seed(2)\n"
        "class Agent:\n    def reset(self):\n        return 1\nagent = Agent()\n"
        "first = agent.reset()\nagent.render(mode='human')\n"
    ),
    "a picture where one is wanted": (
        "import gymnasium as gym\ndef made(record):\n    if record:\n"
        "        env = gym.make('CartPole-v1', render_mode='rgb_array')\n"
        "        env = gym.wrappers.RecordVideo(env, 'videos')\n    else:\n"
        "        env = gym.make('CartPole-v1')\n"
        "    return gym.wrappers.RecordEpisodeStatistics(env)\n"
    ),
    "both ways": (
        "import gymnasium as gym\nenv = gym.make('CartPole-v1')\nstate = env.reset()\n"
        "state = state[0] if isinstance(state, tuple) else state\nresult = env.step(0)\n"
        "if len(result) == 5:\n    obs, r, te, tr, i = result\nelse:\n    obs, r, d, i = result\n"
    ),
    "a function around Stable-Baselines3": (
        "import gymnasium as gym\nfrom stable_baselines3 import PPO\n"
        "def played(model, env):\n    obs = env.reset()\n    env.seed(3)\n"
        "    obs, rewards, dones, infos = env.step(model.predict(obs)[0])\n"
    ),
    "spaces have seeds": (
        "import gymnasium as gym\nclass Own(gym.Env):\n    def __init__(self):\n"
        "        self.action_space = gym.spaces.Discrete(2)\n        self.action_space.seed(3)\n"
        "env = Own()\nenv.action_space.seed(3)\n"
    ),
    "names in a circle": (
        "import gymnasium as gym\nclass A:\n    def f(self):\n        self.x = self.y\n"
        "        self.y = self.x\n        self.x.state = self.y.state\n        env = env\n"
        "def g():\n    return h()\ndef h():\n    return g()\nworld = g()\nworld.reset()\n"
    ),
    "an environment of today": (
        "import gymnasium as gym\nclass Own(gym.Env):\n"
        "    def reset(self, *, seed=None, options=None):\n        super().reset(seed=seed)\n"
        "        return self._obs(), self._get_info()\n"
        "    def step(self, action):\n        return self._obs(), 0.0, True, False, {}\n"
        "    def render(self):\n        return None\n"
    ),
    "odd spacing\t": "import  gymnasium as gym ;x=( 1,\n  2 )\r\nif x :\r\n\ty = 3 # end",
    "nothing": "",
    "a mark of its own": "# upright sets this aside 0\n",
}


def migrate(folder: Path, text: str) -> tuple[str, tuple[Relic, ...]]:
    path = folder / "script.py"
    path.write_bytes(text.encode())
    migration = migrated(path)
    return migration.data.decode(), migration.findings


@pytest.mark.parametrize("name", CASES)
def test_an_idiom_becomes_what_works_today(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    text, found = migrate(tmp_path, case.header[0] + case.before)
    assert text == case.header[1] + case.after
    lines = case.header[0].count("\n")
    ours = [each.idiom for each in found if each.line > lines or each.idiom == "render-mode"]
    assert ours == case.idioms.split()
    assert all(each.done and each.why.endswith(".") for each in found)


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each text of today raises when it is run, one after the other in one process."""
    folder = tmp_path_factory.mktemp("run")
    texts = {name: case.header[1] + case.after for name, case in CASES.items()}
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "run.py").write_text(
        "import json, traceback\nraised = {}\n"
        "for name, text in json.load(open('texts.json')).items():\n"
        "    try:\n        exec(text, {'__name__': '__main__'})\n"
        "    except BaseException:\n        raised[name] = traceback.format_exc()\n"
        "json.dump(raised, open('raised.json', 'w'))\n"
    )
    subprocess.run(
        [sys.executable, "run.py"], cwd=folder, check=True, timeout=120, capture_output=True
    )
    found: dict[str, str] = json.loads((folder / "raised.json").read_text())
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_works_today_runs(name: str, raised: dict[str, str]) -> None:
    assert raised.get(name, "") == ""


@pytest.mark.parametrize("name", CASES)
def test_what_was_migrated_is_not_old(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    assert migrate(tmp_path, case.header[1] + case.after) == (case.header[1] + case.after, ())


@pytest.mark.parametrize("name", LEFT)
def test_what_cannot_be_known_is_pointed_out_and_left(name: str, tmp_path: Path) -> None:
    text, idiom, today = LEFT[name]
    new, found = migrate(tmp_path, text)
    (left,) = (each for each in found if not each.done)
    assert left.idiom == idiom
    assert today in left.new
    assert left.old in new
    again, still = migrate(tmp_path, new)
    assert again == new
    assert not any(each.done for each in still)


@pytest.mark.parametrize("name", NEW)
def test_what_is_not_old_comes_out_byte_for_byte(name: str, tmp_path: Path) -> None:
    assert migrate(tmp_path, NEW[name]) == (NEW[name], ())


@given(st.lists(st.sampled_from(sorted(CASES)), min_size=2, max_size=6))
@settings(max_examples=int(os.environ.get("UPRIGHT_EXAMPLES", 15)))
def test_idioms_together_become_python_in_which_nothing_more_is_mended(names: list[str]) -> None:
    before = MADE + "".join(CASES[name].before for name in names)
    with TemporaryDirectory() as folder:
        text, _ = migrate(Path(folder), before)
        ast.parse(text)
        again, still = migrate(Path(folder), text)
    assert again == text
    assert not any(each.done for each in still)


def test_an_environment_of_another_package_is_told_nothing(tmp_path: Path) -> None:
    text = f"{HEADER}e = gym.make('Hanoi-v0')\ne.reset()\nprint(e.render(mode='rgb_array'))\n"
    new, found = migrate(tmp_path, text)
    assert new == text.replace(HEADER, TODAY)
    assert [each.idiom for each in found if not each.done] == ["render-mode", "render"]
    assert found[1].new == "gym.make('Hanoi-v0', render_mode=\"rgb_array\")"


def test_every_idiom_has_its_case() -> None:
    tried = {idiom for case in CASES.values() for idiom in case.idioms.split()}
    tried |= {idiom for _, idiom, _ in LEFT.values()}
    assert {idiom.name for idiom in IDIOMS} <= tried
