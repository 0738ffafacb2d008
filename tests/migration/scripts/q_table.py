"""Tabular Q-learning on a frozen lake, then a look at a taxi's tables."""
import gym
import numpy as np

env = gym.make("FrozenLake-v0", is_slippery=False)
env.seed(11)
np.random.seed(11)
q = np.zeros((env.nS, env.nA), dtype=np.float)  # one row for each field
wins = 0
for episode in range(40):
    s = env.reset()
    done = False
    while not done:
        if np.random.rand() < 0.3:
            a = env.action_space.sample()
        else:
            a = int(np.argmax(q[s] + 1e-3 * np.random.randn(env.action_space.n)))
        s2, r, done, info = env.step(a)
        q[s, a] += 0.5 * (r + 0.95 * np.max(q[s2]) * (not done) - q[s, a])
        s, wins = s2, wins + r
print("wins", wins, "entries", np.product(q.shape))

taxi = gym.make("Taxi-v3").env
taxi.reset()
place = taxi.encode(3, 1, 2, 0)
taxi.s = place
print(len(taxi.P[place]), "actions from", place)
_, reward, over, _ = taxi.step(0)
print(reward, over)
