"""A random player, recorded."""
import gym
from gym import wrappers
from gym.wrappers import Monitor

env = gym.make("MountainCar-v0")
env = wrappers.Monitor(env, "videos", video_callable=lambda episode: episode % 2 == 0, force=True)
for i_episode in range(3):
    observation = env.reset()
    for t in range(20):
        observation, reward, done, info = env.step(env.action_space.sample())
        if done:
            break
env.close()

quiet = Monitor(gym.make("Acrobot-v1"), "stats", video_callable=False, force=True)
quiet.reset()
total = 0
for t in range(10):
    total += quiet.step(quiet.action_space.sample())[1]
print(total)
quiet.close()
