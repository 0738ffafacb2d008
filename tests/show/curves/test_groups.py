"""What curves are called that are drawn together."""

from typing import Any

import numpy as np
import pytest

from upright.show.curves.curve import EPISODE_RETURN, Curve
from upright.show.curves.groups import MOST_TOLD, dots_of, grouped


def curve(
    seed: int = 0,
    env: str = "CartPole-v1",
    algo: str = "ppo",
    points: tuple[float, ...] = (1.0, 2.0, 3.0),
    metric: str = EPISODE_RETURN,
    **settings: Any,
) -> Curve:
    x = np.array(points)
    settings = {"env": env, "algo": algo} | settings
    window = max(1, len(x))
    return Curve(seed, settings, x, x, x, window, metric, "timesteps", None, None, (x[:0], x[:0]))


def names(*curves: Curve) -> list[str]:
    return [name for name, _ in grouped(curves)]


def test_the_environment_comes_first_where_there_are_several_and_tells_enough() -> None:
    several = names(
        curve(11, gamma=0.9, clip=0.1),
        curve(21, "MountainCar-v0", gamma=0.99, clip=0.2),
        curve(22, "Acrobot-v1", "reinforce", gamma=1.0),
    )
    assert several == [
        "CartPole-v1, ppo: seed 11, mean of 3",
        "MountainCar-v0, ppo: seed 21, mean of 3",
        "Acrobot-v1, reinforce: seed 22, mean of 3",
    ]
    assert names(curve(1), curve(2, algo="a2c")) == [
        "ppo: seed 1, mean of 3",
        "a2c: seed 2, mean of 3",
    ]


def test_only_the_settings_that_differ_are_told_and_few_of_them() -> None:
    letters = "abcdefg"
    first = curve(1, same=3, **dict.fromkeys(letters, 1))
    second = curve(2, same=3, **dict.fromkeys(letters, 2))
    assert names(first, second) == [
        "ppo, a 1, b 1, c 1, ... and 4 more: seed 1, mean of 3",
        "ppo, a 2, b 2, c 2, ... and 4 more: seed 2, mean of 3",
    ]


def test_the_names_differ_however_many_settings_that_takes() -> None:
    bits = [{f"s{place}": n >> place & 1 for place in range(5)} for n in range(32)]
    told = names(*(curve(n, **each) for n, each in enumerate(bits)))
    assert len({name.partition(":")[0] for name in told}) == 32
    late = [
        curve(1, a=1, b=1, c=1, z=1),
        curve(2, a=2, b=2, c=2, z=1),
        curve(3, a=2, b=2, c=2, z=9),
    ]
    assert len({name.partition(":")[0] for name in names(*late)}) == len(late)
    assert MOST_TOLD < 5


def test_a_long_value_never_costs_the_seed() -> None:
    told = names(curve(1, "x" * 300, "y" * 300, a="z" * 300), curve(2**62, a="short"))
    assert told[0].endswith(": seed 1, mean of 3")
    assert told[1].endswith(f": seed {2**62}, mean of 3")
    assert max(map(len, told)) < 150


def test_a_run_without_an_episode_does_not_count_among_those_that_have_some() -> None:
    ((name, group),) = grouped([curve(1), curve(2, points=()), curve(3)])
    assert name == "ppo: mean of 2 runs, 95% band"
    assert [each.seed for each in group] == [1, 3]
    assert names(curve(1), curve(2, points=())) == ["ppo: seed 1, mean of 3"]
    assert names(curve(2, points=())) == ["ppo: seed 2, no episode finished yet"]
    assert names(curve(2, points=()), curve(3, points=())) == [
        "ppo: 2 runs, no episode finished yet"
    ]


@pytest.mark.parametrize("shorter_first", [True, False])
def test_of_two_copies_of_a_run_the_longer_stands_for_it(shorter_first: bool) -> None:
    longer, shorter, other = curve(1), curve(1, points=(1.0, 2.0)), curve(3)
    pair = [shorter, longer] if shorter_first else [longer, shorter]
    ((_, group),) = grouped([*pair, other])
    assert group == [longer, other]


def test_runs_that_never_overlap_are_called_no_mean() -> None:
    assert names(curve(1, points=(1.0, 2.0)), curve(2, points=(5.0, 6.0))) == ["ppo: 2 runs"]


@pytest.mark.parametrize(
    ("metric", "dots"),
    [
        (EPISODE_RETURN, "each episode"),
        ("eval/mean_reward", "each evaluation"),
        ("train/entropy", "each iteration"),
        ("rollout/ep_rew_mean", "each iteration"),
    ],
)
def test_dots_are_called_what_they_are(metric: str, dots: str) -> None:
    assert dots_of(curve(metric=metric)) == dots
