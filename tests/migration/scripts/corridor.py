"""An environment and two wrappers of one's own."""
import gym
import numpy as np
from gym import spaces
from gym.utils import seeding


class Corridor(gym.Env):
    """Walk to the right end."""

    metadata = {'render.modes': ['human'], 'video.frames_per_second': 10}

    def __init__(self, length=6):
        self.length = length
        self.action_space = spaces.Discrete(2)
        self.observation_space = spaces.Box(0.0, float(length), (1,), np.float32)
        self.seed()

    def seed(self, seed=None):
        self.np_random, seed = seeding.np_random(seed)
        return [seed]

    def _look(self):
        return np.array([self.place], np.float32)

    def reset(self):
        """Start near the left end."""
        self.place = self.np_random.randint(0, 2)
        self.left = 30
        return self._look()

    def step(self, action):
        self.place = min(max(self.place + (1 if action else -1), 0), self.length)
        self.left -= 1
        done = self.place == self.length or self.left == 0
        return self._look(), float(done), done, {}

    def render(self, mode='human'):
        print('.' * int(self.place) + 'o')


class Impatient(gym.Wrapper):
    def __init__(self, env, patience=12):
        super().__init__(env)
        self.patience = patience

    def reset(self, **kwargs):
        self.waited = 0
        obs = self.env.reset(**kwargs)
        return obs

    def step(self, action):
        obs, reward, done, info = self.env.step(action)
        self.waited += 1
        if self.waited >= self.patience:
            done = True
        return obs, reward - 0.1, done, info


class Halved(gym.ObservationWrapper):
    def observation(self, observation):
        return observation / 2

    def reset(self):
        return self.observation(self.env.reset())


class Passing(gym.Wrapper):
    def step(self, action):
        obs, reward, done, info = self.env.step(action)
        return obs, 2 * reward, done, info

    def reset(self): return self.env.reset()


def play(env, episodes):
    for _ in range(episodes):
        obs, total, done = env.reset(), 0.0, False
        while not done:
            obs, reward, done, info = env.step(env.action_space.sample())
            total += reward
        print(obs, total)


env = Halved(Passing(Impatient(Corridor())))
env.seed(2)
play(env, 3)
env.close()
