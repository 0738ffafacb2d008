"""Sides compared: which runs are whose, what is refused, and what is said."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from matplotlib import pyplot

import upright
from cli.verbs.test_grade import better_returns, other_weights
from study.conftest import BRIEF
from upright.judging.several import Comparison, Estimate
from upright.runs.bundle import write_bundle
from upright.show.curves.comparison import carried
from upright.show.curves.curve import curve_of
from upright.study.comparing import Compared, verdict_on
from upright.study.sides import Side, sides_of


@pytest.fixture
def quick(two_sides: Path) -> str:
    return str(two_sides / "quick")


@pytest.fixture
def slow(two_sides: Path) -> str:
    return str(two_sides / "slow")


def names(sides: list[Side]) -> list[str]:
    return [side.name for side in sides]


def seeds_in(sides: list[Side]) -> list[list[int]]:
    return [[row.seed for row in side.rows] for side in sides]


def test_folders_and_patterns_are_sides(
    quick: str, slow: str, two_sides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = sides_of([quick, f"{slow}/CartPole-v1/ppo-s[0-2]"])
    assert names(sides) == [quick, f"{slow}/CartPole-v1/ppo-s[0-2]"]
    assert [sorted(each) for each in seeds_in(sides)] == [[0, 1, 2, 3], [0, 1, 2]]
    monkeypatch.chdir(two_sides)
    assert names(sides_of(["quick/*/*", "slow"])) == ["quick/*/*", "slow"]


@pytest.mark.parametrize("way", ["one folder", "one pattern", "single runs"])
def test_runs_are_grouped_by_their_settings_where_no_word_is_a_side(
    way: str, two_sides: Path
) -> None:
    words = {
        "one folder": [str(two_sides)],
        "one pattern": [f"{two_sides}/*/*/*"],
        "single runs": sorted(map(str, two_sides.glob("*/*/*"))),
    }[way]
    sides = sides_of(words)
    assert names(sides) == ["ppo, learning_rate 0.01", "ppo, learning_rate 1e-06"]
    assert [sorted(each) for each in seeds_in(sides)] == [[0, 1, 2, 3]] * 2


def test_a_bundle_stands_for_its_run(quick: str, slow: str, tmp_path: Path) -> None:
    for seed in (0, 1):
        write_bundle(Path(quick) / "CartPole-v1" / f"ppo-s{seed}", tmp_path / f"{seed}.zip")
    sides = sides_of([f"{tmp_path}/*.zip", slow])
    assert sorted(seeds_in(sides)[0]) == [0, 1]


def test_a_seed_that_comes_twice_in_a_side_is_one_run(
    quick: str, slow: str, tmp_path: Path
) -> None:
    shutil.copytree(quick, tmp_path / "quick" / "one")
    shutil.copytree(quick, tmp_path / "quick" / "two")
    sides = sides_of([str(tmp_path / "quick"), slow])
    assert sorted(seeds_in(sides)[0]) == [0, 1, 2, 3]


def test_a_side_that_is_better_is_said_to_be(quick: str, slow: str) -> None:
    found = Compared(sides_of([slow, quick]))
    sentence = found.sentences()[0]
    assert sentence.startswith(f"{quick} is better than {slow}: its interquartile mean is higher")
    assert "scores higher with a probability of 1.00 (1.00 to 1.00)." in sentence
    turned = Compared(sides_of([quick, slow])).sentences()[0]
    assert turned.startswith(f"{slow} is worse than {quick}: its interquartile mean is lower by ")
    table = found.as_dict()
    assert table["env"] == "CartPole-v1"
    assert table["comparisons"][0]["verdict"] == "better"
    assert table["comparisons"][0]["seeds_a_side_to_show"] is None
    low, high = (side["iqm"]["value"] for side in table["sides"])
    assert table["comparisons"][0]["difference"]["value"] == pytest.approx(high - low)


def test_python_compares_as_the_command_line_does(quick: str, slow: str) -> None:
    found = upright.compare(Path(slow), quick)
    assert repr(found).startswith(f"{quick} is better than {slow}: ")
    assert found.as_dict() == Compared(sides_of([slow, quick])).as_dict()
    with pytest.raises(upright.UprightError, match="one side only"):
        upright.compare(quick)


def test_the_figure_has_its_four_panels_and_both_names(quick: str, slow: str) -> None:
    picture = Compared(sides_of([slow, quick])).plot()
    assert len(picture.figure.axes) == 4
    drawn = picture.data("svg").decode()
    assert drawn.startswith("<?xml")
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert len(legend) == 2
    assert all("4 runs" in text.replace("\n", " ") for text in legend)
    assert pyplot.get_fignums() == []


def test_a_run_counts_with_its_last_evaluation_also_after_its_end(quick: str) -> None:
    run = upright.load(f"{quick}/CartPole-v1/ppo-s0")
    curve = curve_of(run, "eval/mean_reward")
    assert len(curve.x) >= 3
    x = np.array([curve.x[0], curve.x[1] - 1, curve.x[1], curve.x[-1], curve.x[-1] * 10])
    raw = curve.raw
    assert carried([curve], x).tolist() == [[raw[0], raw[0], raw[1], raw[-1], raw[-1]]]


def comparison(difference: float, seeds: int | None, outcome: Any = "not shown") -> Comparison:
    found = Estimate(difference, difference - 2.0, difference + 4.0)
    return Comparison(found, Estimate(0.6, 0.3, 0.9), 0.3, outcome, seeds)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            comparison(1.0, 40),
            "It is not shown that A is better than B: its interquartile mean is higher by 1.0 (95% "
            "interval -1.0 to 5.0), and a run of it scores higher with a probability of 0.60 (0.30 "
            "to 0.90). Were the difference as it looks now, about 40 seeds a side would show it.",
        ),
        (
            comparison(-1.0, 5000),
            "It is not shown that A is worse than B: its interquartile mean is lower by 1.0 (95% "
            "interval -3.0 to 3.0), and a run of it scores higher with a probability of 0.60 (0.30 "
            "to 0.90). Were the difference as it looks now, more than 1,000 seeds a side would "
            "show it.",
        ),
        (
            comparison(0.0, None),
            "It is not shown that A and B differ: the interquartile means are equal.",
        ),
    ],
)
def test_what_is_not_shown_is_said_with_what_it_would_take(found: Comparison, said: str) -> None:
    assert verdict_on("A", "B", found) == said


@pytest.fixture(scope="module")
def easy_sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one is always solved, the other never."""
    out = tmp_path_factory.mktemp("easy")
    for name, rate, budget in (("sooner", 0.01, 60_000), ("later", 1e-6, 1024)):
        for seed in range(4):
            chosen = {"reward_threshold": 250.0, "eval_every": 1024, "until": "solved"}
            chosen |= {"total_timesteps": budget, "learning_rate": rate}
            upright.train("CartPole-v1", seed=seed, out=out / name, **BRIEF | chosen)
    return out


def test_who_solves_sooner_is_said_beside_the_returns(easy_sides: Path) -> None:
    sooner, later = str(easy_sides / "sooner"), str(easy_sides / "later")
    found = Compared(sides_of([later, sooner]))
    _, race = found.sentences()
    assert race.startswith(f"{sooner} solves sooner: a run of it needs fewer steps than one of ")
    assert found.as_dict()["races"][0]["verdict"] == "sooner"
    (turned,) = Compared(sides_of([sooner, later])).races
    assert turned.outcome == "later"


def test_where_solving_ends_no_run_nobody_says_how_soon_it_came(
    quick: str, slow: str, tmp_path: Path
) -> None:
    for seed in (10, 11):
        chosen = BRIEF | {"learning_rate": 0.01, "reward_threshold": 20.0}
        upright.train("CartPole-v1", seed=seed, out=tmp_path / "one", **chosen)
        upright.train("CartPole-v1", seed=seed, out=tmp_path / "two", gamma=0.9, **chosen)
    found = Compared(sides_of([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert [len(side.solvers) for side in found.sides] == [2, 2]
    assert found.races == ()
    assert found.sides[0].as_dict()["steps_to_solve"] is None
    assert not any("to solve" in each for each in found.sides[0].sentences())


def test_what_another_project_left_in_a_folder_is_no_run(quick: str, tmp_path: Path) -> None:
    shutil.copytree(quick, tmp_path / "runs")
    (tmp_path / "runs" / "theirs").mkdir()
    (tmp_path / "runs" / "theirs" / "run.json").write_text('{"name": "of another project"}')
    with pytest.raises(upright.UprightError, match="There is one side only"):
        sides_of([str(tmp_path / "runs")])


def test_what_is_no_name_is_no_side(quick: str, slow: str) -> None:
    with pytest.raises(upright.UprightError, match=r"^A side is the name of a folder.*, not list"):
        upright.compare([quick, slow])  # type: ignore[arg-type]


def test_where_nothing_is_solved_there_is_no_race(slow: str, tmp_path: Path) -> None:
    for seed in (10, 11):
        chosen = BRIEF | {"gamma": 0.9, "learning_rate": 1e-6}
        upright.train("CartPole-v1", seed=seed, out=tmp_path, **chosen)
    found = Compared(sides_of([slow, str(tmp_path)]))
    assert found.races == ()
    assert len(found.sentences()) == 1


def test_each_of_several_is_held_against_the_first(quick: str, slow: str, tmp_path: Path) -> None:
    for seed in (10, 11):
        upright.train("CartPole-v1", seed=seed, out=tmp_path, gamma=0.9, **BRIEF)
    found = Compared(sides_of([slow, quick, str(tmp_path)]))
    first, second, *_, last = found.sentences()
    assert first.startswith(f"{quick} is better than {slow}")
    assert second.startswith(f"It is not shown that {tmp_path} is better than {slow}")
    assert "not all together" in last
    assert len(found.plot().figure.axes) == 4


POLE = "probes/Pole-v0"


@pytest.fixture(autouse=True)
def pole() -> Iterator[None]:
    """CartPole by another name."""
    cartpole = "gymnasium.envs.classic_control.cartpole:CartPoleEnv"
    gym.register(POLE, cartpole, max_episode_steps=500, reward_threshold=475.0)
    yield
    del gym.registry[POLE]


Spoilt = Callable[[Path, Path], list[str]]


def one_seed(quick: Path, slow: Path) -> list[str]:
    return [f"{quick}/*/ppo-s0", str(slow)]


def one_seed_each(quick: Path, slow: Path) -> list[str]:
    return [f"{quick}/CartPole-v1/ppo-s0", f"{slow}/CartPole-v1/ppo-s0"]


def one_side(quick: Path, slow: Path) -> list[str]:
    return [str(quick)]


def two_settings_in_a_side(quick: Path, slow: Path) -> list[str]:
    return [str(quick.parent), str(slow)]


def no_run(quick: Path, slow: Path) -> list[str]:
    return [str(quick), f"{slow}/*/dqn-s*"]


def no_folder(quick: Path, slow: Path) -> list[str]:
    return [str(quick), f"{slow}-and-more"]


def the_same_runs(quick: Path, slow: Path) -> list[str]:
    shutil.copytree(quick, quick.parent / "copy")
    return [str(quick), str(quick.parent / "copy")]


def the_same_folder_by_two_names(quick: Path, slow: Path) -> list[str]:
    return [str(quick), f"{quick}/CartPole-v1"]


def another_threshold(quick: Path, slow: Path) -> list[str]:
    return _with(slow, reward_threshold=400.0)


def other_episodes(quick: Path, slow: Path) -> list[str]:
    return _with(slow, eval_episodes=20)


def another_evaluation(quick: Path, slow: Path) -> list[str]:
    return _with(slow, eval_env=POLE)


def other_arguments(quick: Path, slow: Path) -> list[str]:
    return _with(slow, eval_env_kwargs={"sutton_barto_reward": True})


def another_environment(quick: Path, slow: Path) -> list[str]:
    return _with(slow, env=POLE)


def _with(slow: Path, env: str = "CartPole-v1", **settings: Any) -> list[str]:
    for seed in (7, 8):
        upright.train(env, seed=seed, out=slow.parent / "other", **BRIEF | settings)
    return [str(slow), str(slow.parent / "other")]


def unfinished(quick: Path, slow: Path) -> list[str]:
    (slow / "CartPole-v1" / "ppo-s2" / "evaluation.json").unlink()
    return [str(quick), str(slow)]


def gone_on_with(quick: Path, slow: Path) -> list[str]:
    run_file = slow / "CartPole-v1" / "ppo-s2" / "run.json"
    run_file.write_text(run_file.read_text().replace('"finished"', '"interrupted"'))
    return [str(quick), str(slow)]


def garbled(quick: Path, slow: Path) -> list[str]:
    (slow / "CartPole-v1" / "ppo-s2" / "run.json").write_text("x")
    return [str(quick), str(slow)]


def judged_at_another_time(quick: Path, slow: Path) -> list[str]:
    return _with(slow, until="solved")


def no_name(quick: Path, slow: Path) -> list[str]:
    return [str(quick), ""]


def nothing(quick: Path, slow: Path) -> list[str]:
    return []


def tampered_weights(quick: Path, slow: Path) -> list[str]:
    other_weights(slow / "CartPole-v1" / "ppo-s2")
    return [str(quick), str(slow)]


def untrusted_code(quick: Path, slow: Path) -> list[str]:
    path = slow.parent / "mine.py"
    path.write_text("import gymnasium\nEnv = lambda: gymnasium.make('CartPole-v1')\n")
    return _with(slow, env=f"{path}:Env")


REFUSED: dict[Spoilt, str] = {
    one_seed: "has one seed, which does not say how far seeds differ. `upright seeds` trains more.",
    one_seed_each: "has one seed, which does not say how far seeds differ.",
    one_side: "There is one side only, ppo.",
    two_settings_in_a_side: "holds runs of 2 settings, such as ppo, learning_rate",
    no_run: "names no run.",
    no_folder: "names no run.",
    the_same_runs: "is on two sides: ",
    the_same_folder_by_two_names: "is on two sides: ",
    another_threshold: "were not judged alike: threshold 475.0 and 400.0.",
    other_episodes: "were not judged alike: eval_episodes 10 and 20.",
    another_evaluation: "not judged alike: evaluation environment CartPole-v1 and probes/Pole-v0.",
    other_arguments: "not judged alike: its arguments none and {'sutton_barto_reward': True}.",
    another_environment: "were not judged alike: environment CartPole-v1 and probes/Pole-v0.",
    unfinished: "ppo-s2 is not verified: ",
    gone_on_with: "ppo-s2 is not verified: its status is interrupted. `upright resume` brings it",
    garbled: "ppo-s2/run.json is not valid JSON",
    judged_at_another_time: "were not judged alike: until budget and solved.",
    no_name: "A side has no name. Say . for the folder that you are in.",
    nothing: "There is nothing to compare. Name two folders of runs.",
    tampered_weights: "ppo-s2 is not verified: The weights are not the ones that were judged.",
    untrusted_code: "is code that would be imported and run. If you trust it, say --trust-code",
}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda each: each.__name__.replace("_", " "))
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    spoil: Spoilt, two_sides: Path, tmp_path: Path
) -> None:
    for name in ("quick", "slow"):
        shutil.copytree(two_sides / name, tmp_path / name)
    words = spoil(tmp_path / "quick", tmp_path / "slow")
    with pytest.raises(upright.UprightError) as refused:
        sides_of(words)
    assert REFUSED[spoil] in str(refused.value)


def test_returns_that_were_made_up_are_found_by_playing(two_sides: Path, tmp_path: Path) -> None:
    """Whoever changes every file alike is caught by `--replay` alone."""
    for name in ("quick", "slow"):
        shutil.copytree(two_sides / name, tmp_path / name)
    words = [str(tmp_path / "quick"), str(tmp_path / "slow")]
    better_returns(tmp_path / "slow" / "CartPole-v1" / "ppo-s1")
    assert len(sides_of(words)) == 2
    with pytest.raises(upright.UprightError, match=r"ppo-s1 is not verified: Some episodes have"):
        sides_of(words, replay=True)
