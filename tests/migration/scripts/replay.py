"""A small deep Q-network with a list as its memory."""
import random
from collections import deque

import gym
import numpy as np
import torch
from torch import nn

GAME = "CartPole-v0"
EPISODES = 4


class Player:
    def __init__(self, game):
        self.env = gym.make(game)
        self.env.seed(5)
        self.memory = deque(maxlen=200)
        size = self.env.observation_space.shape[0]
        self.net = nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, self.env.action_space.n))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-2)
        self.done = False

    def choose(self, state):
        if random.random() < 0.2:
            return self.env.action_space.sample()
        with torch.no_grad():
            return int(self.net(torch.FloatTensor(state)).argmax())

    def episode(self):
        state, score = np.reshape(self.env.reset(), [1, 4]), 0
        self.done = False
        for t in range(self.env._max_episode_steps):
            action = self.choose(state)
            nxt, reward, self.done, _ = self.env.step(action)
            nxt = np.reshape(nxt, [1, 4])
            reward = reward if not self.done else -10
            self.memory.append((state, action, reward, nxt, self.done))
            state, score = nxt, score + 1
            if self.done: break
        return score

    def learn(self):
        batch = random.sample(self.memory, min(16, len(self.memory)))
        states, actions, rewards, nexts, dones = map(list, zip(*batch))
        ended = np.array(dones, dtype=np.bool8)
        states = torch.FloatTensor(np.vstack(states))
        value = self.net(states).gather(1, torch.tensor(actions).view(-1, 1)).squeeze(1)
        with torch.no_grad():
            best = self.net(torch.FloatTensor(np.vstack(nexts))).max(1)[0]
        goal = torch.FloatTensor(rewards) + 0.99 * best * torch.FloatTensor(1 - ended.astype(int))
        loss = nn.functional.mse_loss(value, goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


player = Player(GAME)
for number in range(EPISODES):
    print(number, player.episode())
    player.learn()
player.env.close()
