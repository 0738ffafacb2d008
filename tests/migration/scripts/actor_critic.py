"""Actor and critic with shared features."""
import argparse

import gym
import torch
import torch.nn.functional as F
from torch.distributions import Categorical

parser = argparse.ArgumentParser()
parser.add_argument("--env", default="CartPole-v0")
parser.add_argument("--seed", type=int, default=543)
parser.add_argument("--episodes", type=int, default=3)
parser.add_argument("--render", action="store_true")
args = parser.parse_args()


class Both(torch.nn.Module):
    def __init__(self, inputs, actions):
        super().__init__()
        self.body = torch.nn.Linear(inputs, 24)
        self.actor = torch.nn.Linear(24, actions)
        self.critic = torch.nn.Linear(24, 1)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        return Categorical(logits=self.actor(h)), self.critic(h)


def rollout(env, model, limit=60):
    state = torch.tensor(env.reset())
    logs, values, rewards, masks = [], [], [], []
    for t in range(limit):
        if args.render:
            env.render()
        policy, value = model(state)
        action = policy.sample()
        state, reward, done, _ = env.step(action.item())
        state = torch.from_numpy(state)
        logs.append(policy.log_prob(action)); values.append(value); rewards.append(reward)
        masks.append(1 - done)
        if done: state = torch.tensor(env.reset()); break
    return logs, values, rewards, masks


def main():
    env = gym.make(args.env)
    env.seed(args.seed)
    torch.manual_seed(args.seed)
    env.action_space.seed(args.seed)
    model = Both(env.observation_space.shape[0], env.action_space.n)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for number in range(args.episodes):
        logs, values, rewards, masks = rollout(env, model)
        ret, returns = 0.0, []
        for reward, mask in zip(rewards[::-1], masks[::-1]):
            ret = reward + 0.99 * ret * mask
            returns.insert(0, ret)
        returns = torch.tensor(returns)
        advantage = returns - torch.cat(values).detach()
        loss = -(torch.stack(logs) * advantage).sum() + F.smooth_l1_loss(torch.cat(values), returns)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("episode", number, "length", len(rewards))
    env.close()


if __name__ == "__main__":
    main()
