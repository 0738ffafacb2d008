"""One step in each of several worlds whose ids went."""
import gym
import numpy as np


def one_step(env):
    first = env.reset()
    second, reward, done, info = env.step(env.action_space.sample())
    env.close()
    return np.shape(first) == np.shape(second)


lander = gym.make("LunarLander-v2")
walker = gym.make('BipedalWalker-v2')
cheetah = gym.make("HalfCheetah-v2")
pong = gym.make("PongNoFrameskip-v4")
memory = gym.make("Breakout-ram-v4")
for each in (lander, walker, cheetah, pong, memory):
    print(one_step(each))
