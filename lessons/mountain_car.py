# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The assignment: Mountain Car
#
# In [the first lesson](cartpole.ipynb) a pole learned to stand. The algorithms there knew nothing of poles: they know
# observations, actions and rewards. So the assignment sounds simple:
#
# > **Train an agent that solves Mountain Car. Pass the environment to your algorithm as a parameter.**
#
# A car stands in a valley, and its engine is too weak for the hill. At the top of the hill to the right is a flag. The
# only way up is to swing: back, to gain speed, and forth.
#
# Do not be discouraged if nothing works at first. Nothing works at first for anybody, and to find out *why* is the
# assignment. Hints fold out when you ask for them.

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
import html
import io
import json
import os
import shutil
import tempfile

os.environ.update(PYGAME_HIDE_SUPPORT_PROMPT="1", SDL_VIDEODRIVER="dummy")  # no window
import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import HTML, Image
from PIL import Image as Picture

import upright
from upright.show.curves import plot
from upright.show.pages import write_playground

torch.set_num_threads(1)
plt.rcParams["figure.figsize"] = (8, 3)
plt.rcParams["figure.constrained_layout.use"] = True
folder = Path(tempfile.mkdtemp(prefix="lesson-"))
quick = {"out": folder, "media": False}  # where runs go; without pictures

# %% [markdown]
# ## 2. The environment
#
# Two numbers are seen: where the car is, and how fast it is. Three things can be done: push left (0), do nothing (1),
# push right (2). Every step costs 1, and an episode ends at the flag, or when the time is up after 200 steps.

# %%
env = gym.make("MountainCar-v0", render_mode="rgb_array")
print("Actions:     ", env.action_space)
print("Observations:", env.observation_space)
print("Solved from: ", env.spec.reward_threshold)


def film(frames, seconds):
    """Frames as a moving picture that shows itself, here and without a display."""
    pictures = [Picture.fromarray(frame).resize((300, 200)) for frame in frames]
    buffer = io.BytesIO()
    pace = max(20, int(1000 * seconds / len(frames)))
    more = {"save_all": True, "append_images": pictures[1:], "duration": pace, "loop": 0}
    pictures[0].save(buffer, "GIF", **more)
    return Image(data=buffer.getvalue(), format="gif")


def drive(choose, seed=0, show=False):
    """One episode: its observations [T, 2], its return, whether it reached the flag; or a film of it."""
    obs, _ = env.reset(seed=seed)
    seen, frames, total, terminated, truncated = [obs], [], 0.0, False, False
    while not (terminated or truncated):
        if show and len(seen) % 3 == 0:
            frames.append(env.render())
        obs, reward, terminated, truncated, _ = env.step(choose(obs))
        seen.append(obs)
        total += reward
    return film(frames, seconds=5) if show else (np.array(seen), total, terminated)


rng = np.random.default_rng(0)
drive(lambda obs: int(rng.integers(3)), show=True)

# %% [markdown]
# **Exercise 1.** Play 200 episodes at random. How many reach the flag? How different are their returns?

# %% tags=["exercise"]
...

# %% tags=["answer"]
episodes = [drive(lambda obs: int(rng.integers(3)), seed=seed) for seed in range(200)]
print("reached the flag:", sum(terminated for *_, terminated in episodes))
print("different returns:", {total for _, total, _ in episodes})
assert {total for _, total, _ in episodes} == {-200.0}

# %% [markdown]
# ## 3. Why nothing is learned
#
# Take REINFORCE from the first lesson as it was: the same network, the same returns, the same five steps. All that
# changes is the environment: a parameter.


# %%
def make_policy(env, seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(env.observation_space.shape[0], 128, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(128, int(env.action_space.n), bias=False),
    )


def probabilities(policy, obs):
    with torch.no_grad():
        return torch.softmax(policy(torch.as_tensor(np.float32(obs))), dim=-1).numpy()


def run_episode(env, policy, rng):
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    seen, done, rewarded, terminated, truncated = [], [], [], False, False
    while not (terminated or truncated):
        pi = probabilities(policy, obs).astype(np.float64)
        action = int(rng.choice(len(pi), p=pi / pi.sum()))
        seen.append(np.float32(obs))
        done.append(action)
        obs, reward, terminated, truncated, _ = env.step(action)
        rewarded.append(reward)
    return np.array(seen), np.array(done), np.array(rewarded)


def normalized_returns(rewards, gamma=0.99):
    returns, later = np.zeros(len(rewards)), 0.0
    for t in reversed(range(len(rewards))):
        later = rewards[t] + gamma * later
        returns[t] = later
    return (returns - returns.mean()) / (returns.std() + 1e-4)


def reinforce(env, policy, rng, episodes):
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    history = []
    for _ in range(episodes):
        observations, actions, rewards = run_episode(env, policy, rng)
        weights = torch.as_tensor(normalized_returns(rewards), dtype=torch.float32)
        log_pi = torch.log_softmax(policy(torch.as_tensor(observations)), dim=-1)
        chosen = torch.as_tensor(actions)[:, None]
        loss = -(log_pi.gather(1, chosen)[:, 0] * weights).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(rewards.sum())
    return np.array(history)


policy = make_policy(env, seed=0)
history = reinforce(env, policy, np.random.default_rng(0), episodes=60)
print("Returns of all episodes:", sorted(set(history)))
assert set(history) == {-200.0}

# %% [markdown]
# Sixty episodes, or six thousand: -200. It is no bug in your code. Look at what the algorithm is told:

# %%
two = [run_episode(env, policy, np.random.default_rng(seed))[2] for seed in (1, 2)]
figure, (left, right) = plt.subplots(1, 2, sharey=True)
for axes, rewards, name in ((left, two[0], "One episode"), (right, two[1], "Another one")):
    weights = normalized_returns(rewards)
    axes.bar(
        range(len(weights)), weights, width=1.0, color=np.where(weights > 0, "tab:green", "tab:red")
    )
    axes.set(title=f"{name}: the weight of each push", xlabel="step")
plt.show()
assert np.array_equal(normalized_returns(two[0]), normalized_returns(two[1]))

# %% [markdown]
# They are the same picture. Whatever the car did, whether it swung half up the hill or stood and trembled, the weights
# are the same to the last digit. They depend on the clock alone: early pushes are always blamed, since much cost is still
# to come, and late ones are always praised. So the gradient follows the clock and not the car. *A policy gradient climbs
# towards what went better than the rest, and here nothing went better than anything else.*
#
# Upright says so too, when it is asked what is unusual about a run:

# %%
stuck = upright.train(
    "MountainCar-v0", algo="reinforce", preset="default", total_timesteps=40_000, seed=0, **quick
)
for finding in stuck.diagnose():
    print(finding.sentence)
assert [finding.name for finding in stuck.diagnose()] == ["no-signal"]

# %% [markdown]
# ## 4. Think
#
# Can a network of this kind drive the car at all? Or is the trouble only that it never learns to?
#
# **Exercise 2.** Write a rule by hand, `choose(obs)`, that reaches the flag every time. Its mean return over 100 episodes
# should be better than -130.
#
# <details><summary>A hint</summary>
#
# A child on a swing does not push against the swing. Which way is the car going right now?
#
# </details>


# %% tags=["exercise"]
def choose(obs):
    return 1


# %% tags=["answer"]
def choose(obs):
    return 2 if obs[1] > 0 else 0  # push where you are going anyway


by_hand = [drive(choose, seed=seed) for seed in range(100)]
print(f"mean return: {np.mean([total for _, total, _ in by_hand]):.1f}")
assert all(terminated for *_, terminated in by_hand)
assert np.mean([total for _, total, _ in by_hand]) > -130

# %% [markdown]
# So one number decides, the velocity, and a single weight would do. Now look at what the network is given.

# %%
seen = np.concatenate([trace for trace, *_ in by_hand])
figure, axes = plt.subplots(figsize=(8, 2.4))
axes.boxplot(
    [seen[:, 0], seen[:, 1]],
    orientation="horizontal",
    tick_labels=["position", "velocity"],
    whis=(0, 100),
)
axes.set(title="What is observed, while the car swings up the hill")
plt.show()
print("deviations:", seen.std(axis=0).round(3))
assert seen[:, 1].std() < 0.1 * seen[:, 0].std()

# %% [markdown]
# **Exercise 3.** Before you read on: name three things that you would change so that something can be learned. Write them
# down, and then open the hints.
#
# <details><summary>What the network sees</summary>
#
# The velocity is the smaller one of the two by more than ten times, and it is the one that matters. Divide each number by its
# own deviation, kept as a running estimate: <code>normalize_obs</code>.
#
# </details>
#
# <details><summary>What a push is compared with</summary>
#
# The weights follow the clock because every return is compared with the mean of its own episode. Compare it with what was to
# be expected <i>in that state</i>: that is a critic. When an episode is cut off after 200 steps, the car is still somewhere, and
# the critic has an opinion of that place; so two episodes of -200 need not weigh the same. (For REINFORCE, such a critic is called
# a baseline.)
#
# </details>
#
# <details><summary>How to find the flag at all</summary>
#
# An untrained policy trembles: left, right, nothing, without a plan. But a policy whose weights were moved a good deal, in whatever
# direction, pushes one way for a while in one region and the other way in another. That can be a swing. A learning rate large enough to
# move it (0.02 and not 0.0003), a bonus for staying undecided (<code>ent_coef</code>), and many episodes for each step.
#
# </details>
#
# <details><summary>What is often tried, and changes the task</summary>
#
# To reward the height, or the speed. It works, and then you have solved another task than the one that was set: the verdict below is
# about the environment as it is.
#
# </details>

# %% [markdown]
# ## 5. A solution with each of the lesson's algorithms
#
# Upright's presets for Mountain Car do these things. Nothing else is special about them, and the environment is as it was: -1 for
# every step, 200 steps at most. First actor-critic:

# %%
solved = upright.train("MountainCar-v0", algo="actor-critic", seed=1, **quick)
verdict = solved.verdict()
print(
    f"Solved: {verdict.solved}. Mean return of the proof: {verdict.proof.mean:.1f}, the bar is {verdict.proof.threshold}"
)
assert verdict.solved

# %% [markdown]
# And REINFORCE, with a baseline:

# %%
also = upright.train("MountainCar-v0", algo="reinforce", seed=5, **quick)
print(f"Solved: {also.verdict().solved}, after {also.verdict().candidate.timesteps:,} steps")
assert also.verdict().solved
plot([solved, also])

# %% [markdown]
# Both curves are flat at -200 for a long time, and then leave it. That is what a reward looks like that must be found first. The plain algorithm
# needs patience as well as settings: [this page](../docs/mountain-car.md) measures what each setting does, over several seeds.
#
# **Exercise 4.** Which of these things is indispensable? Take the first one away: train actor-critic with `normalize_obs=False` for 100,000
# steps, bind the run to `blind`, and look at how many of its episodes had another return than -200.

# %% tags=["exercise"]
blind = ...

# %% tags=["answer"]
blind = upright.train(
    "MountainCar-v0", algo="actor-critic", normalize_obs=False, total_timesteps=100_000, seed=1, **quick
)  # fmt: skip
found = [row["return"] > -200 for row in blind.episodes()]
print(f"{sum(found)} of {len(found)} episodes reached the flag")
assert sum(found) == 0

# %% [markdown]
# ## 6. What it has learned
#
# The policy, over all positions and velocities; beside it what the critic expects of them.

# %%
position, velocity = np.meshgrid(np.linspace(-1.2, 0.6, 91), np.linspace(-0.07, 0.07, 91))
points = np.stack([position, velocity], axis=-1).reshape(-1, 2).astype(np.float32)
chosen, _ = solved.policy.predict(points, deterministic=True)
expected = solved.policy.values(points)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
field = left.pcolormesh(
    position,
    velocity,
    chosen.reshape(position.shape),
    cmap=plt.get_cmap("coolwarm", 3),
    vmin=-0.5,
    vmax=2.5,
)
bar = figure.colorbar(field, ticks=[0, 1, 2])
bar.ax.set_yticklabels(["left", "nothing", "right"])
left.plot(
    *drive(lambda obs: int(solved.policy.predict(obs, deterministic=True)[0]), seed=1)[0].T,
    color="black",
    lw=1,
)
left.set(title="What it does; the line is one episode", xlabel="position", ylabel="velocity")
figure.colorbar(right.pcolormesh(position, velocity, expected.reshape(position.shape)))
right.set(title="V(s), what the critic expects", xlabel="position")
plt.show()

# %% [markdown]
# It found your rule of exercise 2, and improved on it: push where you are going. The black line is one episode, from the middle of the valley
# outwards in a spiral. And this is how it drives, first as a film and then live, to be pushed by you:

# %%
solved.watch()

# %%
page = write_playground(solved, folder / "playground.html").read_text(encoding="utf-8")
HTML(
    f'<div><iframe srcdoc="{html.escape(page)}" width="100%" height="760" style="border: 0"></iframe></div>'
)

# %% [markdown]
# ## 7. Any environment, as a parameter
#
# So is it true that the environment is only a parameter? Of the interface, yes. Of the settings, no: each of these three has a preset that was
# searched for, and without one a [family](../docs/environments.md) of settings is chosen by what can be seen and done.

# %%
for name in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0"):
    run = upright.train(name, seed=3, **quick)
    verdict = run.verdict()
    print(
        f"{name:15} solved: {verdict.solved}, mean {verdict.proof.mean:6.1f}, {verdict.candidate.timesteps:6,} steps"
    )
    assert verdict.solved

# %% [markdown]
# **Exercise 5.** `Pendulum-v1` has an action that is a number, not a choice: a torque. Pass it as a parameter, with seed 3, and bind the run to `mine`.

# %% tags=["exercise"]
mine = ...

# %% tags=["answer"]
mine = upright.train("Pendulum-v1", seed=3, **quick)
assert mine.verdict().solved
mine

# %% [markdown]
# ## 8. Hand it in
#
# A run is a folder. `upright bundle` makes one file of it, and your teacher runs `upright grade` on a folder of such files, or of folders with
# your names: each policy is played again, and each verdict is repeated. No code of yours is executed. Let us be the teacher for once. Ada and
# Bode hand in what they trained; Chidi has trained nothing to speak of, and writes into the file that he has.


# %%
def upright_says(*words):
    said = subprocess.run([sys.executable, "-m", "upright", *words], capture_output=True, text=True)
    print(said.stdout)
    return said.returncode


school = folder / "class"
school.mkdir()
upright_says("bundle", str(solved.path), "--out", str(school / "ada.zip"))
shutil.copytree(also.path, school / "bode" / "my-run")
shutil.copytree(stuck.path, school / "chidi" / "run")
verdict_file = school / "chidi" / "run" / "evaluation.json"
claim = json.loads(verdict_file.read_text())
claim.update(mean=-98.5, solved=True)
verdict_file.write_text(json.dumps(claim))

assert upright_says("grade", str(school)) == 1

# %% [markdown]
# The exit code is 1, since one verdict does not hold; `--csv` makes a table for a spreadsheet of it.
#
# ## 9. Close the environment

# %%
env.close()

# %% [markdown]
# ## What to take away
#
# * A policy gradient climbs towards what went better than the rest. Where nothing did, there is nothing to climb, and more training is
#   more of the same.
# * Look at what the algorithm is told: the weights, the sizes of what is observed. That found the trouble here, and a search over settings
#   would have hidden it.
# * The environment is a parameter. What suits it is not, and has to be found and *measured*.
# * Say "solved" when it was proved on starts that chose nothing.
