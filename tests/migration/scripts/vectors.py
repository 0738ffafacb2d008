"""Three poles at once, and pictures of the last few steps together."""
import gym
import numpy as np
from gym.wrappers import FrameStack

envs = gym.vector.make("CartPole-v1", num_envs=3)
obs = envs.reset()
returns = np.zeros(3)
alive = np.ones(3, dtype=np.bool8)
for t in range(30):
    obs, rewards, dones, infos = envs.step(envs.action_space.sample())
    returns += rewards * alive
    alive &= ~dones
print(returns, alive.dtype)
envs.close()

stacked = FrameStack(gym.make("MountainCarContinuous-v0", new_step_api=True), num_stack=4)
last = stacked.reset()
print(np.array(last).shape)
names = sorted(spec.id for spec in gym.envs.registry.all())
print(len(names) > 10, "CartPole-v1" in names)
