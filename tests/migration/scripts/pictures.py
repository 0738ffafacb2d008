"""Pictures of an episode, and how it ended."""
import gym, numpy as np

env = gym.make("CartPole-v1")
env.seed(7)
frames, ends = [], []
for episode in range(2):
    env.reset()
    frames.append(env.render(mode="rgb_array"))
    for t in range(600):
        obs, reward, done, info = env.step(t % 2)
        if t % 50 == 0: frames.append(env.render('rgb_array'))
        if done:
            limit = info.get("TimeLimit.truncated", False)
            if "TimeLimit.truncated" in info and info["TimeLimit.truncated"]: print("time is up")
            ends.append(np.bool8(limit)); break
print(len(frames), frames[0].shape, [e.dtype for e in ends] == [np.dtype(np.bool8)] * 2)
env.close()
