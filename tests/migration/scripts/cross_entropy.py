#!/usr/bin/env python
"""The cross-entropy method for a linear pendulum controller."""
import gym as g
import numpy as np

g.logger.set_level(40)
env = g.make('Pendulum-v0')
low, high = env.action_space.low, env.action_space.high


def score(weights, steps=30):
    obs, done, total = env.reset(), False, 0.0
    for _ in range(steps):
        obs, reward, done, _ = env.step(np.clip(obs @ weights, low, high))
        total += reward
        if done:
            break
    return float(total)


mean, spread = np.zeros((3, 1)), np.ones((3, 1))
for generation in range(3):
    tried = [mean + spread * np.random.standard_normal(mean.shape) for _ in range(6)]
    scores = np.array([score(each) for each in tried])
    elite = np.array(tried)[scores.argsort()[-2:]]
    mean, spread = elite.mean(axis=0), elite.std(axis=0) + 1e-2
    print(generation, scores.max(), scores.max() > np.NINF if False else np.isfinite(scores).all())
print(score(mean), np.Inf)
