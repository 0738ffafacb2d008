# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A pole on a cart
#
# A cart stands on a rail, and a pole stands on the cart. Push the cart left or right, fifty times a
# second, and keep the pole up. Nobody tells the program how: it tries, it falls, and it makes the
# pushes that went well a little more likely. That is *policy gradient*, and this notebook builds it
# from nothing, twice: first with one network, then with two.
#
# You write each algorithm yourself, in PyTorch, in a dozen lines. After that you meet the same lines
# in [Upright](../README.md), where they solve the task in a fraction of a second,
# and where a result counts once it has been proved.
#
# What you need: some Python, and what a derivative is. What it takes: two minutes of computing, on any
# laptop. No window opens; every picture appears right here.

# %% [markdown]
# ## 1. Install
#
# This cell installs what is missing, and nothing if nothing is.

# %%
import importlib.util
import subprocess
import sys
from pathlib import Path

if not all(map(importlib.util.find_spec, ("upright", "torch"))):
    here = next(
        (str(path) for path in (Path(".."), Path()) if (path / "src/upright").is_dir()),
        "upright",
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", f"{here}[lessons]"], check=True
    )

# %% tags=["setup"]
import copy
import html
import inspect
import io
import os
import tempfile

os.environ.update(
    PYGAME_HIDE_SUPPORT_PROMPT="1", SDL_VIDEODRIVER="dummy"
)  # no window, no advertisement
import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, Image
from PIL import Image as Picture

torch.set_num_threads(1)  # these networks are too small to share
plt.rcParams["figure.figsize"] = (8, 3)
plt.rcParams["figure.constrained_layout.use"] = True

# %% [markdown]
# ## 2. The environment
#
# Reinforcement learning needs a world that answers. [Gymnasium](https://gymnasium.farama.org) has many
# of them behind one interface, and `CartPole-v1` is the classic one. Two things describe it:
#
# * the **action space**: everything that may be done at a step;
# * the **observation space**: everything that may be seen after it.

# %%
env = gym.make("CartPole-v1", render_mode="rgb_array")

print("Actions:     ", env.action_space)
print("Observations:", env.observation_space)

# %% [markdown]
# Two actions, numbered 0 and 1. What is observed are four numbers. Let us act at random for one
# episode, and look. `env.reset()` begins an episode and returns the first observation. `env.step(action)`
# returns five things: the next observation, the reward, whether the task ended (`terminated`: the pole
# fell, or the cart left the rail), whether time was up (`truncated`: after 500 steps), and notes.


# %%
def film(frames, seconds=None):
    """Frames as a moving picture that shows itself, here and without a display."""
    pictures = [Picture.fromarray(frame).resize((300, 200)) for frame in frames]
    buffer = io.BytesIO()
    pace = 20 if seconds is None else max(20, int(1000 * seconds / len(frames)))
    pictures[0].save(
        buffer, "GIF", save_all=True, append_images=pictures[1:], duration=pace, loop=0
    )
    return Image(data=buffer.getvalue(), format="gif")


obs, _ = env.reset(seed=1)
env.action_space.seed(1)
frames, total = [env.render()], 0.0
terminated = truncated = False
while not (terminated or truncated):
    action = int(env.action_space.sample())
    obs, reward, terminated, truncated, _ = env.step(action)
    frames.append(env.render())
    total += reward
    print(f"{'left ' if action == 0 else 'right'} -> {obs.round(3)}, reward {reward}")
print("Total reward:", total)
assert terminated and total < 100

# %%
film(frames, seconds=3)

# %% [markdown]
# It falls at once. The four numbers are
#
# | | what | unit | ends the episode beyond |
# |---|---|---|---|
# | 0 | position of the cart | m | ±2.4 |
# | 1 | velocity of the cart | m/s | – |
# | 2 | angle of the pole | rad | ±0.2095 (12 degrees) |
# | 3 | angular velocity of the pole | rad/s | – |
#
# and the reward is 1 at every step, so an episode's total reward, its **return**, is how many steps it
# lasted. To maximise the return is to keep the pole up.
#
# **Exercise 1.** Write `ended_by(obs)`: the word `"pole"` if the pole is beyond its limit, `"cart"` if
# the cart is beyond its own, and `"time"` if neither is. What ends most of 50 random episodes?


# %% tags=["exercise"]
def ended_by(obs): ...


# %% tags=["answer"]
def ended_by(obs):
    if abs(obs[2]) > 0.2095:
        return "pole"
    return "cart" if abs(obs[0]) > 2.4 else "time"


ends = []
for _ in range(50):
    env.reset()
    over = False
    while not over:
        obs, _, terminated, truncated, _ = env.step(env.action_space.sample())
        over = terminated or truncated
    ends.append(ended_by(obs))
print({word: ends.count(word) for word in ("pole", "cart", "time")})
assert ends.count("pole") > 40

# %% [markdown]
# ## 3. A policy
#
# What tells us how to act is called a **policy**, π. It could be a rule, $a = \pi(s)$: in state $s$, do
# $a$. We take the softer kind, $\pi(a|s)$: in state $s$, do $a$ with this probability. A policy that is
# not sure tries things, and whoever tries things can find out what works. And a probability can be
# raised a little, which a rule cannot: that is where calculus gets hold of it.
#
# The policy is a small network: four numbers in, 128 units, one number for each action out, and a
# softmax that makes probabilities of them.


# %%
def make_policy(seed, actions=2, observations=4):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(observations, 128, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(128, actions, bias=False),
    )


def probabilities(policy, obs):
    """π(.|s) for rows of observations."""
    with torch.no_grad():
        return torch.softmax(policy(torch.as_tensor(obs, dtype=torch.float32)), dim=-1).numpy()


policy = make_policy(seed=0)
untrained = copy.deepcopy(policy)
probabilities(policy, [0.0, 0.0, 0.1, 0.0])

# %% [markdown]
# Four numbers are hard to draw, but two of them matter most: the angle, and how fast it changes. Hold
# the cart still in the middle of the rail, and draw the probability of a push to the right.


# %%
def draw_field(policy, axes, title):
    angle, speed = np.meshgrid(np.linspace(-0.21, 0.21, 61), np.linspace(-2, 2, 61))
    rest = np.zeros_like(angle)
    right = probabilities(policy, np.stack([rest, rest, angle, speed], axis=-1))[..., 1]
    field = axes.pcolormesh(np.degrees(angle), speed, right, cmap="coolwarm", vmin=0, vmax=1)
    axes.set(
        title=title,
        xlabel="angle of the pole, degrees (right is positive)",
        ylabel="angular velocity, rad/s",
    )
    return field


figure, axes = plt.subplots(figsize=(5, 3.4))
figure.colorbar(draw_field(policy, axes, "Before training"), label="π(right | s)")
plt.show()

# %% [markdown]
# Pale everywhere: an untrained policy has no opinion.
#
# ## 4. An episode's trace
#
# To learn from an episode, keep all of it: what was seen, what was done, what was rewarded. That is its
# **trace**. The action is drawn from the probabilities, not chosen as the likelier one, for we want to
# try both. And we keep the *last* step too, the one at which the pole falls.


# %%
def run_episode(policy, rng, env=env, most_steps=10_000):
    """One episode's trace: observations [T, 4], actions [T], rewards [T], and how it ended."""
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    seen, done, rewarded = [], [], []
    for _ in range(most_steps):
        pi = probabilities(policy, obs).astype(np.float64)
        action = int(rng.choice(len(pi), p=pi / pi.sum()))
        seen.append(np.float32(obs))
        done.append(action)
        obs, reward, terminated, truncated, _ = env.step(action)
        rewarded.append(reward)
        if terminated or truncated:
            break
    return np.array(seen), np.array(done), np.array(rewarded), (obs, terminated)


rng = np.random.default_rng(0)
observations, actions, rewards, _ = run_episode(policy, rng)
print("Return of one episode:", rewards.sum())

before = np.mean([run_episode(policy, rng)[2].sum() for _ in range(50)])
print(f"Mean return of 50: {before:.1f}")
assert before < 50

# %% [markdown]
# ## 5. Which pushes were to blame?
#
# The return of the whole episode says little about a single push. A push can only change what comes
# after it, so each one is given the sum of the rewards from it onwards; and what comes much later is
# hardly its doing, so later rewards count less, by a factor γ per step. That is the **discounted return**
#
# $$G_t = r_t + \gamma\, r_{t+1} + \gamma^2 r_{t+2} + \cdots = r_t + \gamma\, G_{t+1}$$
#
# which is quickest computed from the end. In CartPole every reward is 1, so every return is positive, and
# raising the probability of *every* push would teach nothing. What matters is whether a push did better
# or worse than the others: we subtract the mean and divide by the deviation.


# %%
def discounted_returns(rewards, gamma=0.99):
    returns, later = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        later = rewards[t] + gamma * later
        returns[t] = later
    return returns


def normalized(returns):
    return (returns - returns.mean()) / (returns.std() + 1e-4)


returns = discounted_returns(rewards)
weights = normalized(returns)
figure, (left, right) = plt.subplots(1, 2)
left.bar(range(len(returns)), returns)
left.set(title="Discounted returns", xlabel="step", ylabel="$G_t$")
right.bar(range(len(weights)), weights, color=np.where(weights > 0, "tab:green", "tab:red"))
right.set(title="Normalised: more of green, less of red", xlabel="step")
plt.show()

# %% [markdown]
# The early pushes did better than average, since much was still to come; the last ones are blamed for
# the fall.
#
# **Exercise 2.** By hand, on paper: rewards 1, 1, 1 and γ = 0.5. What are the three returns? And with
# rewards 0, 0, 1? Write both lists.

# %% tags=["exercise"]
first, second = [..., ..., ...], [..., ..., ...]

# %% tags=["answer"]
first, second = [1.75, 1.5, 1.0], [0.25, 0.5, 1.0]
assert np.allclose(discounted_returns([1, 1, 1], gamma=0.5), first)
assert np.allclose(discounted_returns([0, 0, 1], gamma=0.5), second)

# %% [markdown]
# ## 6. The gradient, four ways
#
# A push that did well should become more probable. So we climb along the gradient of $\log\pi(a|s)$,
# weighted by how well it did: we minimise
#
# $$L = -\frac1T\sum_t \log\pi(a_t|s_t)\, G_t$$
#
# Its derivative with respect to the network's two outputs $z$ (before the softmax) can be written down:
#
# $$\frac{\partial L}{\partial z_t} = -\frac1T\,\bigl(\text{onehot}(a_t) - \pi(\cdot|s_t)\bigr)\, G_t$$
#
# Read it aloud: *what was done, less what was expected, times how well it went.* The course from which
# this lesson descends uses the same line in another dress. It builds a *target* for the network,
# `probs + alpha * (one_hot_actions - probs) * returns`, and trains towards it by cross-entropy. That
# looks like supervised learning with invented labels. It is the policy gradient, exactly: below, the four
# are one and the same number.

# %%
from upright.learning.losses import policy_gradient
from upright.policy.distributions import Categorical

z = policy(torch.as_tensor(observations)).detach().double()  # the network's outputs, [T, 2]
probs = torch.softmax(z, dim=-1).numpy()
one_hot_actions, rows = np.eye(2)[actions], len(actions)


def slope(loss_of):
    """dL/dz as autograd has it, [T, 2]; `loss_of` is the loss in terms of log π."""
    leaf = z.clone().requires_grad_()
    loss_of(torch.log_softmax(leaf, dim=-1)).backward()
    return leaf.grad.numpy()


# 1. The line above.
by_hand = -(one_hot_actions - probs) * weights[:, None] / rows

# 2. Autograd, of -log π(a|s) G.
chosen = torch.as_tensor(actions)[:, None]
by_autograd = slope(
    lambda log_pi: -(log_pi.gather(1, chosen)[:, 0] * torch.as_tensor(weights)).mean()
)

# 3. Cross-entropy with the invented target.
alpha = 1e-4
target = torch.as_tensor(probs + alpha * (one_hot_actions - probs) * weights[:, None])
by_target = slope(lambda log_pi: -(target * log_pi).sum(dim=1).mean()) / alpha

# 4. Upright: a loss gives its derivative beside its value, and so does a distribution.
said = Categorical(2).evaluate(z.numpy(), actions)
_, d_log_probs = policy_gradient(said.log_probs, weights)
by_upright = Categorical(2).gradient(said.memory, d_log_probs, 0.0)

for name, gradient in [("autograd", by_autograd), ("target", by_target), ("Upright", by_upright)]:
    print(f"{name:9} differs from the line by at most {abs(gradient - by_hand).max():.1e}")
    assert np.allclose(gradient, by_hand, atol=1e-9)

# %% [markdown]
# Here they are for the first five steps: a column for each action.

# %%
print("by hand:\n", by_hand[:5].round(5))
print("Upright:\n", by_upright[:5].round(5))

# %% [markdown]
# ## 7. Training: REINFORCE
#
# That is the whole idea. The algorithm is called REINFORCE (Williams, 1992), and it repeats five steps:
#
# 1. play one episode and keep its trace;
# 2. compute the discounted returns, and normalise them;
# 3. ask the network for $\log\pi(a_t|s_t)$ of what was done;
# 4. weight them by the returns: that is the loss;
# 5. take one step of the optimiser down its gradient. Then throw the trace away, since the policy that
#    made it is gone.
#
# We do that for 300 episodes.


# %%
def learn_from(trace, policy, optimizer, weigh=normalized):
    """Steps 2 to 5: one gradient step on one trace."""
    observations, actions, rewards, _ = trace
    weights = torch.as_tensor(weigh(discounted_returns(rewards)), dtype=torch.float32)
    log_pi = torch.log_softmax(policy(torch.as_tensor(observations)), dim=-1)
    chosen = torch.as_tensor(actions)[:, None]
    loss = -(log_pi.gather(1, chosen)[:, 0] * weights).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def reinforce(policy, rng, episodes=300, env=env, keep=lambda trace: trace, weigh=normalized):
    """The history: every episode's return. `keep` says what of a trace is learned from."""
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    history = []
    for _ in range(episodes):
        trace = run_episode(policy, rng, env)
        learn_from(keep(trace), policy, optimizer, weigh)
        history.append(trace[2].sum())
    return np.array(history)


policy = make_policy(seed=1)
untrained = copy.deepcopy(policy)
history = reinforce(policy, np.random.default_rng(1))
for episode in range(0, 300, 50):
    print(f"episode {episode:3}: return {history[episode]:.0f}")


# %%
def draw_history(history, title):
    figure, axes = plt.subplots()
    axes.plot(history, alpha=0.4, label="episode")
    smooth = np.convolve(history, np.ones(20) / 20, "valid")
    axes.plot(range(19, len(history)), smooth, color="tab:blue", label="mean of 20")
    axes.set(title=title, xlabel="episode", ylabel="return")
    axes.legend()
    plt.show()


draw_history(history, "REINFORCE, 300 episodes")
first, last = history[:20].mean(), history[-100:].mean()
print(f"Mean return: {first:.0f} at first, {last:.0f} over the last hundred episodes")
assert last > 3 * first

# %% [markdown]
# It learns, and its curve is rough: each step rests on a single episode, and a lucky one misleads. We
# come back to that. First, what did it learn?

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
draw_field(untrained, left, "Before training")
figure.colorbar(draw_field(policy, right, "After 300 episodes"), label="π(right | s)")
plt.show()

leaning_right, leaning_left = probabilities(policy, [[0, 0, 0.1, 0.5], [0, 0, -0.1, -0.5]])[:, 1]
print(
    f"π(right) = {leaning_right:.2f} if the pole falls to the right, {leaning_left:.2f} if to the left"
)
assert leaning_right > 0.7 > 0.3 > leaning_left

# %% [markdown]
# *Push towards the side to which it falls.* Nobody said so. And this is the trained pole, which now
# always takes the likelier action:


# %%
def show(policy, seed=5, most_steps=500):
    obs, _ = env.reset(seed=seed)
    frames = []
    for _ in range(most_steps):
        frames.append(env.render())
        obs, _, terminated, truncated, _ = env.step(int(probabilities(policy, obs).argmax()))
        if terminated or truncated:
            break
    print(f"It stood for {len(frames)} steps, {len(frames) / 50:.1f} seconds")
    return len(frames), film(frames[::4], seconds=len(frames) / 50)


steps, moving = show(policy)
assert steps > 3 * before
moving

# %% [markdown]
# **Exercise 3.** In the target of section 6, `alpha` multiplied the gradient by one ten-thousandth, and
# the course calls it a learning rate. Take one step of Adam with the loss as it is, and one with the loss
# times 0.0001, from the same weights. How far apart do the weights end? Why?

# %% tags=["exercise"]
...


# %% tags=["answer"]
def one_step(scale):
    fresh = make_policy(seed=2)
    optimizer = torch.optim.Adam(fresh.parameters(), lr=0.01)
    log_pi = torch.log_softmax(fresh(torch.as_tensor(observations)), dim=-1)
    loss = -(log_pi.gather(1, chosen)[:, 0] * torch.as_tensor(weights)).mean()
    (scale * loss).backward()
    optimizer.step()
    return torch.cat([each.detach().flatten() for each in fresh.parameters()])


moved = (
    one_step(1.0)
    - torch.cat([each.detach().flatten() for each in make_policy(seed=2).parameters()])
).abs()
apart = (one_step(1.0) - one_step(1e-4)).abs()
print(f"A step moves a weight by {moved.median():.4f}; the two differ by {apart.median():.5f}")
# Adam divides a gradient by its own size, so a constant factor falls out, but for Adam's small epsilon.
# A step ten thousand times smaller it is not.
assert apart.median() < 0.2 * moved.median()

# %% [markdown]
# ## 8. What it costs to lose the last step
#
# Many programs leave the loop as soon as an episode is over, *before* they keep the step that ended it.
# The course's did. So the push after which the pole fell is never blamed. What does that cost? Do not
# guess: measure. Here are five pairs of trainings that differ in nothing else. (They are short: 80 episodes, of
# 200 steps at most.)


# %%
def without_the_last(trace):
    observations, actions, rewards, end = trace
    most = max(1, len(rewards) - 1)
    return observations[:most], actions[:most], rewards[:most], end


brief = gym.make("CartPole-v1", max_episode_steps=200)
kept, dropped = [], []
for seed in range(5):
    for keep, means in ((lambda trace: trace, kept), (without_the_last, dropped)):
        history = reinforce(
            make_policy(seed), np.random.default_rng(seed), 80, env=brief, keep=keep
        )
        means.append(history[-30:].mean())
    print(f"seed {seed}: {kept[-1]:4.0f} with the last step, {dropped[-1]:4.0f} without it")
print(f"mean:   {np.mean(kept):4.0f}                     {np.mean(dropped):4.0f}")
brief.close()

# %% [markdown]
# On CartPole no difference can be told from five seeds. The steps just before the fall are blamed anyway,
# and the very last push is often the right one, made too late.
#
# It would be wrong to conclude that it does not matter. On a frozen lake, one walks from a corner to the
# opposite one, and the only reward is 1 for the step that arrives. Lose that step, and there is *nothing*
# left to learn from.

# %%
lake = gym.wrappers.FlattenObservation(gym.make("FrozenLake-v1", is_slippery=False))
raw = lambda returns: returns  # where nearly every return is 0, there is no mean worth subtracting
for name, keep in (("with", lambda trace: trace), ("without", without_the_last)):
    walker = make_policy(seed=3, actions=4, observations=16)
    first = copy.deepcopy(walker.state_dict())
    arrived = reinforce(walker, np.random.default_rng(3), 600, env=lake, keep=keep, weigh=raw)
    moved = max(
        float((after - first[key]).abs().max()) for key, after in walker.state_dict().items()
    )
    print(
        f"{name:7} the last step: arrives in {arrived[-100:].mean():4.0%} of episodes; weights moved by {moved:.2f}"
    )
    assert (arrived[-100:].mean() > 0.8) if name == "with" else (moved == 0.0)
lake.close()

# %% [markdown]
# Without the last step every return is 0, so every gradient is 0: after 600 episodes not one weight has
# moved. A defect may hide for years on a task that forgives it.
#
# ## 9. Actor and critic
#
# REINFORCE judges a push by what happened to come after it, and luck has a large part in that. Better
# would be to know what was *to be expected* in that state, and to ask whether it went better than that.
# So we train a second network:
#
# * the **actor** is the policy, π(a|s), as before;
# * the **critic** says what return is to be expected from a state on: the **value** $V(s)$.
#
# What went better than expected is the **advantage** $A_t = G_t - V(s_t)$. The actor climbs along
# $\log\pi(a_t|s_t)\,A_t$; the critic learns to expect the returns that came, by their squared difference.


# %%
def make_network(outputs):
    return torch.nn.Sequential(
        torch.nn.Linear(4, 128),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, outputs),
    )


torch.manual_seed(0)
actor, critic = make_network(2), make_network(1)


def value(critic, observations):
    return critic(torch.as_tensor(observations))[..., 0]


# %% [markdown]
# One thing needs care. An episode of CartPole ends in one of two ways. If the pole fell, nothing comes
# after: the return ends there. But if the *time was up*, the pole still stands, and would have gone on
# to earn. Nobody saw how much, yet the critic has a guess: $V$ of the last observation. So the recursion
# begins with that guess, and with 0 only after a fall.


# %%
def discounted_returns(rewards, gamma=0.99, after=0.0):
    """`after` is what is still to come when the trace ends."""
    returns, later = np.zeros(len(rewards)), after
    for t in reversed(range(len(rewards))):
        later = rewards[t] + gamma * later
        returns[t] = later
    return returns


def returns_of(trace, critic):
    _, _, rewards, (final, terminated) = trace
    with torch.no_grad():
        after = 0.0 if terminated else float(value(critic, np.float32(final)))
    return torch.as_tensor(discounted_returns(rewards, after=after), dtype=torch.float32)


def actor_critic(actor, critic, rng, episodes=100):
    """The history: every episode's return, and the critic's loss."""
    actors, critics = torch.optim.Adam(actor.parameters()), torch.optim.Adam(critic.parameters())
    history, errors = [], []
    for _ in range(episodes):
        trace = run_episode(actor, rng)
        observations, actions, rewards, _ = trace
        advantages = returns_of(trace, critic) - value(critic, observations)
        log_pi = torch.log_softmax(actor(torch.as_tensor(observations)), dim=-1)
        chosen = torch.as_tensor(actions)[:, None]
        actor_loss = -(log_pi.gather(1, chosen)[:, 0] * advantages.detach()).mean()
        critic_loss = advantages.pow(2).mean()
        for optimizer, loss in ((actors, actor_loss), (critics, critic_loss)):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(rewards.sum())
        errors.append(critic_loss.item())
    return np.array(history), np.array(errors)


history, errors = actor_critic(actor, critic, np.random.default_rng(0))
draw_history(history, "Actor-critic, 100 episodes")
print(
    f"Mean return: {history[:20].mean():.0f} at first, {history[-20:].mean():.0f} over the last twenty episodes"
)
assert history[-20:].mean() > 1.2 * history[:20].mean()

# %% [markdown]
# The critic has a history too, and it is worth a look:

# %%
figure, axes = plt.subplots()
axes.plot(np.sqrt(errors))
axes.set(
    title="By how much the critic is wrong", xlabel="episode", ylabel="root mean square of $G - V$"
)
plt.show()

# %% [markdown]
# It is wrong by more as the actor gets better, since there is more to be expected, and it runs behind.
#
# **Exercise 4.** A pole that never falls earns 1 at every step, for ever. With γ = 0.99, what is the value
# of each of its states?

# %% tags=["exercise"]
worth = ...

# %% tags=["answer"]
worth = 1 / (1 - 0.99)  # 1 + 0.99 + 0.99² + ...
assert np.isclose(worth, discounted_returns(np.ones(5000))[0])
print(f"{worth:.0f}")

# %% [markdown]
# ### What the critic sees
#
# Let the policy of section 7 balance, and train a critic that watches it. Half of the episodes are spoiled
# on purpose: from some step on, every push goes to the right. Then look at one that the critic has not seen.


# %%
def watched(rng, env, spoiled_from=None):
    """A trace of the trained policy, which is spoiled from some step on."""
    acting = copy.deepcopy(policy)
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    seen, over, terminated = [], False, False
    while not over:
        seen.append(np.float32(obs))
        action = int(probabilities(acting, obs).argmax())
        if spoiled_from is not None and len(seen) > spoiled_from:
            action = 1
        obs, _, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
    return np.array(seen), None, np.ones(len(seen)), (obs, terminated)


def fit(critic, traces, returns_of, steps=300):
    """Train a critic on traces; returns are computed anew as it learns."""
    observations = np.concatenate([trace[0] for trace in traces])
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.003)
    for _ in range(steps):
        returns = torch.cat([returns_of(trace, critic) for trace in traces])
        loss = (returns - value(critic, observations)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return critic


short = gym.make("CartPole-v1", max_episode_steps=100)
rng = np.random.default_rng(0)
traces = [
    watched(rng, short, None if each % 2 else int(rng.integers(10, 90))) for each in range(20)
]
torch.manual_seed(0)
watching = fit(make_network(1), traces, returns_of)

falling = watched(np.random.default_rng(99), short, spoiled_from=40)
with torch.no_grad():
    expected = value(watching, falling[0]).numpy()
figure, axes = plt.subplots()
axes.plot(expected, label="V(s), what the critic expects")
axes.plot(discounted_returns(falling[2]), ":", label="what came")
axes.axvline(40, color="tab:red", lw=1, label="pushed to the right from here")
axes.set(title="An episode that falls", xlabel="step", ylabel="discounted return")
axes.legend()
plt.show()
print(f"Expected at step 30: {expected[30]:.0f}, at the last: {expected[-1]:.0f}")
assert falling[3][1] and expected[-1] < 0.5 * expected[30]

# %% [markdown]
# V drops within two or three steps of the first wrong push, while the pole is still up: the critic sees
# the fall coming. Until then it expects more than what came, for it could not know of our plan.
#
# ## 10. What it costs to take a time limit for a fall
#
# The critic of the course lets nothing follow when the time is up, as though the pole had fallen. Here
# is what it makes of that. The policy balances, so by exercise 4 its states are worth nearly 100. Two
# critics watch the same ten episodes of 100 steps: one goes on with its own guess when the time is up,
# the other one takes that for a fall.


# %%
def as_a_fall(trace, critic):
    return torch.as_tensor(discounted_returns(trace[2]), dtype=torch.float32)


rng = np.random.default_rng(1)
traces = [watched(rng, short) for _ in range(10)]
assert not any(terminated for *_, (_, terminated) in traces)
figure, axes = plt.subplots()
for name, returns_by in (("its own guess", returns_of), ("a fall", as_a_fall)):
    torch.manual_seed(1)
    taught = fit(make_network(1), traces, returns_by)
    with torch.no_grad():
        expected = value(taught, traces[0][0]).numpy()
    axes.plot(expected, label=f"the time is up: {name} ({expected.mean():.0f} in the mean)")
    print(f"{name:14}: a balancing pole is worth {expected.mean():.0f}, the truth is nearly 100")
    assert (expected.mean() > 85) if name == "its own guess" else (expected.mean() < 60)
axes.axhline(100, color="black", lw=1, ls=":")
axes.set(
    title="What two critics think of one balancing pole",
    xlabel="step",
    ylabel="V(s)",
    ylim=(0, 110),
)
axes.legend()
plt.show()
short.close()

# %% [markdown]
# The four numbers do not contain the time, so the second critic cannot see the limit come. It is taught that
# the same upright pole is worth 100 now and 1 later, settles for something between, and underrates by half
# what goes well. An advantage is a difference, so what is wrong by the same amount everywhere falls out of
# it; the rest misleads the actor.
#
# ## 11. The same, by Upright
#
# You have written REINFORCE and actor-critic. Here they are in Upright, whole. There is no autograd in them:
# `policy_gradient` and `value_loss` are the closed forms of section 6, in NumPy.

# %%
import upright

print(inspect.getsource(upright.Reinforce))
print(inspect.getsource(upright.ActorCritic.loss))

# %% [markdown]
# A `Trainer` is a loop: each turn collects one rollout with the policy and gives it to the algorithm. The preset
# `lesson` has the networks and the numbers of this notebook: one episode at a time, 300 for REINFORCE and
# 100 for actor-critic.

# %%
trainer = upright.Trainer("CartPole-v1", algo="reinforce", preset="lesson", seed=1)
assert isinstance(trainer.algorithm, upright.Reinforce)
history = np.array(
    [episode.episode_return for iteration in trainer for episode in iteration.episodes]
)
trainer.close()
draw_history(history, "REINFORCE by Upright, 300 episodes")
assert len(history) == 300

# %% [markdown]
# It is the same algorithm, and much faster: for a network of this size, most of what PyTorch does is preparation.
#
# One curve proves little: with another seed it would look different. So take five of each, and draw the mean of
# the five with the band in which the true mean lies with 95% confidence.

# %%
from upright.show.curves import plot

folder = tempfile.mkdtemp(prefix="lesson-")
quick = {"out": folder, "media": False}  # no pictures
runs = [
    upright.train(
        "CartPole-v1", algo=algo, preset="lesson", seed=seed, eval_every=1_000_000, **quick
    )
    for algo in ("reinforce", "actor-critic")
    for seed in range(5)
]
plot(runs, axis="episodes")

# %% [markdown]
# ## 12. In one line
#
# The presets of the lesson are slow learners on purpose. With settings that were searched for, and with the
# algorithm that most people use today, PPO, the whole training is one line, and it takes less than a second:

# %%
run = upright.train("CartPole-v1", seed=0, out=folder)
run

# %% [markdown]
# When is it **solved**? CartPole-v1 asks for a mean return of 475. Upright plays 100 episodes with starts that
# were never trained on; if their mean reaches the bar, it plays another 100 with other starts, and only if those
# reach it too does it say "solved". The first hundred select, the second prove: whoever stops at the first good
# number they see has picked a lucky one. The verdict is written down with the weights it is about, and anyone
# can repeat it:

# %%
verdict = run.verdict()
print(
    f"Solved: {verdict.solved}, mean of the proof {verdict.proof.mean:.1f}, after {verdict.candidate.timesteps:,} steps"
)
print("Repeated:", upright.verify(run).holds)
assert verdict.solved and upright.verify(run).holds

# %% [markdown]
# `run.watch()` is a video:

# %%
run.watch()

# %% [markdown]
# And this is the trained policy, live. Push the pole with the arrow keys or the buttons, and see what it does.

# %%
from upright.show.pages import write_playground

page = write_playground(run, Path(folder) / "playground.html").read_text(encoding="utf-8")
HTML(
    f'<div><iframe srcdoc="{html.escape(page)}" width="100%" height="760" style="border: 0"></iframe></div>'
)

# %% [markdown]
# **Exercise 5.** Train actor-critic with its tuned preset (`algo="actor-critic"`, no `preset`), with seed 4. Is it
# solved? Bind the run to `mine`.

# %% tags=["exercise"]
mine = ...

# %% tags=["answer"]
mine = upright.train("CartPole-v1", algo="actor-critic", seed=4, **quick)
assert mine.verdict().solved
mine

# %% [markdown]
# ## 13. Close the environment
#
# An environment may hold a window, a simulator or a file. Give it back when you are done.

# %%
env.close()

# %% [markdown]
# ## What to take away
#
# * A policy gives probabilities. *What was done, less what was expected, times how well it went* is the whole of the
#   policy gradient; everything else is about saying better how well it went.
# * REINFORCE says it by the return. Actor-critic says it by how much better than expected, and learns what to expect.
# * Details that look small are not: the step that ended an episode, and the difference between a fall and a time
#   limit. They may cost nothing on one task and everything on the next, so measure.
# * One curve proves little, and the best number seen proves less. Several seeds; and a proof on starts that chose
#   nothing.
# * Nothing in the algorithms knew of poles. They know observations, actions and rewards, so they work for any
#   environment that has those. Does it always work as well? [Mountain Car](mountain_car.ipynb) is the next
#   lesson, and plain policy gradient gets nothing there at all, until you find out why.
