"""The points that a learning curve is made of."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upright
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.show.curves.curve import (
    AXES,
    Curve,
    NothingYetError,
    curve_of,
    mean_of,
    moving_mean,
    overlap,
)
from upright.show.curves.groups import grouped


def line(x: Any, y: Any) -> Curve:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return Curve(0, {}, x, y, y, 1, "m", "timesteps", None, None, (x[:0], x[:0]))


def test_a_moving_mean_is_of_the_last_values_and_of_fewer_at_the_start() -> None:
    assert moving_mean(np.array([1.0, 2.0, 3.0, 6.0]), 2).tolist() == [1.0, 1.5, 2.5, 4.5]
    assert moving_mean(np.array([1.0, 2.0, 3.0, 6.0]), 99).tolist() == [1.0, 1.5, 2.0, 3.0]
    assert moving_mean(np.array([4.0, -2.0]), 1).tolist() == [4.0, -2.0]


def test_every_training_episode_is_a_point_within_its_iteration(run: Run) -> None:
    curve, episodes = curve_of(run), run.episodes()
    assert curve.raw.tolist() == [row["return"] for row in episodes]
    assert (np.diff(curve.x) > 0).all()
    ends = np.array([row["timesteps"] for row in episodes])
    assert (curve.x <= ends).all()
    starts = np.array([max([0, *(e for e in ends if e < end)]) for end in ends])
    assert (curve.x > starts).all()
    assert curve.metric == "episode return"
    assert curve.window >= 10
    assert curve.smooth[-1] == pytest.approx(curve.raw[-curve.window :].mean())


def test_the_other_axes_count_the_same_episodes(run: Run) -> None:
    steps, seconds, episodes = (
        curve_of(run, axis=axis) for axis in ("timesteps", "seconds", "episodes")
    )
    assert episodes.x.tolist() == list(range(1, len(episodes.raw) + 1))
    assert (np.diff(seconds.x) >= 0).all()
    assert seconds.x[0] > 0
    assert seconds.x[-1] <= run.metrics()[-1]["time/time_elapsed"]
    assert steps.raw.tolist() == seconds.raw.tolist() == episodes.raw.tolist()


def test_the_verdict_is_marked_where_the_judged_policy_stood(run: Run) -> None:
    verdict = run.verdict()
    point = curve_of(run).verified
    assert point is not None
    assert (point.x, point.mean, point.interval, point.solved) == (
        verdict.candidate.timesteps,
        verdict.proof.mean,
        verdict.proof.interval,
        False,
    )
    for axis in ("seconds", "episodes"):
        curve = curve_of(run, axis=axis)
        assert curve.verified is not None
        assert 0 < curve.verified.x <= curve.x[-1] + 1
    assert curve_of(run).threshold == 475
    rows = [row for row in run.metrics() if "eval/mean_reward" in row]
    assert curve_of(run).evaluations[1].tolist() == [row["eval/mean_reward"] for row in rows]


def test_a_verdict_that_does_not_hold_is_not_marked(run_copy: Path) -> None:
    path = run_copy / "evaluation.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"mean": 500.0}))
    assert curve_of(upright.load(run_copy)).verified is None
    path.write_text(json.dumps(record | {"solved": True}))
    assert curve_of(upright.load(run_copy)).verified is None
    path.write_text(json.dumps(record))
    assert curve_of(upright.load(run_copy)).verified is not None


def test_a_metric_is_drawn_as_it_was_recorded_without_a_threshold(run: Run) -> None:
    curve, rows = curve_of(run, "train/entropy"), run.metrics()
    assert curve.raw.tolist() == [row["train/entropy"] for row in rows]
    assert curve.x.tolist() == [row["time/total_timesteps"] for row in rows]
    assert curve.smooth.tolist() == curve.raw.tolist()
    assert curve.threshold is None
    assert curve.verified is None
    assert curve_of(run, "eval/mean_reward").threshold == 475
    assert curve_of(run, "train/entropy", smooth=3).smooth[2] == pytest.approx(curve.raw[:3].mean())


def test_unknown_names_get_the_nearest_ones(run: Run) -> None:
    with pytest.raises(UprightError, match="has no metric 'train/entropie'") as caught:
        curve_of(run, "train/entropie")
    assert "train/entropy" in caught.value.hint
    with pytest.raises(UprightError, match="no x axis 'steps'") as caught:
        curve_of(run, axis="steps")
    assert "timesteps" in caught.value.hint


def test_a_run_without_an_iteration_says_so(run_copy: Path) -> None:
    (run_copy / "metrics.jsonl").write_text("")
    with pytest.raises(UprightError, match="nothing to draw"):
        curve_of(upright.load(run_copy))


def without_episodes(run: Path, evaluations: bool) -> Run:
    """A run whose first episode has not ended."""
    (run / "episodes.jsonl").write_text("")
    left = ("eval/",) if not evaluations else ()
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [
        {key: row[key] for key in row if not key.startswith(("rollout/", *left))} for row in rows
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    if not evaluations:
        (run / "evaluation.json").unlink()
    return upright.load(run)


@pytest.mark.parametrize("axis", AXES)
def test_before_the_first_episodes_end_there_are_evaluations_and_the_verdict(
    run_copy: Path, axis: str
) -> None:
    curve = curve_of(without_episodes(run_copy, evaluations=True), axis=axis, smooth=5)
    assert len(curve.x) == len(curve.raw) == len(curve.smooth) == 0
    assert len(curve.evaluations[0]) > 0
    assert curve.verified is not None
    assert (curve.metric, curve.window) == ("episode return", 1)


def test_a_run_of_which_there_is_nothing_says_that_no_episode_has_finished(run_copy: Path) -> None:
    with pytest.raises(NothingYetError, match=r": no training episode has finished yet\.$"):
        curve_of(without_episodes(run_copy, evaluations=False))


def test_a_mean_is_of_no_more_values_than_there_are(run: Run, run_copy: Path) -> None:
    whole, rows = curve_of(run, smooth=10**20), run.metrics()
    assert whole.window == len(whole.raw)
    assert whole.smooth[-1] == pytest.approx(whole.raw.mean())
    assert curve_of(run, "train/entropy", smooth=10**20).window == len(rows)
    path = run_copy / "episodes.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert curve_of(upright.load(run_copy)).window == 2


def test_a_run_that_logged_no_episodes_shows_its_mean(run_copy: Path) -> None:
    (run_copy / "episodes.jsonl").unlink()
    curve = curve_of(upright.load(run_copy))
    assert curve.metric == "rollout/ep_rew_mean"
    assert curve.verified is not None


def test_an_old_run_is_drawn_too(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "data" / "schema-1"
    old = upright.load(shutil.copytree(source, tmp_path / "old"))
    assert len(curve_of(old).x) == len([r for r in old.metrics() if "rollout/ep_rew_mean" in r])


def test_seeds_share_a_group_and_other_settings_do_not(run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"algo": "ppo", "preset": "default", "out": tmp_path}
    seed = upright.train("CartPole-v1", seed=1, total_timesteps=2048, **options)
    other = upright.train("CartPole-v1", total_timesteps=2048, gamma=0.9, **options)
    curves = [curve_of(each) for each in (run, seed, other)]
    assert curves[0].settings == curves[1].settings != curves[2].settings
    assert [curve.seed for curve in curves] == [0, 1, 0]
    again = [*curves, curves[1]]
    assert {name: len(group) for name, group in grouped(again)} == {
        "ppo, gamma 0.99: mean of 2 runs, 95% band": 2,
        f"ppo, gamma 0.9: seed 0, mean of {curves[2].window}": 1,
    }


def test_the_mean_is_a_stretch_up_to_the_end_of_each_run() -> None:
    curves = [line([0, 10], [0, 10]), line([0, 20], [2, 42]), line([0, 40], [4, 4])]
    all_of_them, rest = mean_of(curves)
    assert (all_of_them.missing, rest.missing) == (0, 1)
    assert (all_of_them.x[0], all_of_them.x[-1], rest.x[0], rest.x[-1]) == (0, 10, 10, 20)
    assert all_of_them.mean[0] == pytest.approx(2.0)
    assert all_of_them.mean[-1] == pytest.approx((10 + 22 + 4) / 3)
    assert rest.mean[0] == pytest.approx((22 + 4) / 2)
    assert rest.mean[-1] == pytest.approx((42 + 4) / 2)
    for part in (all_of_them, rest):
        assert (part.low <= part.mean + 1e-9).all()
        assert (part.mean <= part.high + 1e-9).all()
    assert all_of_them.low[0] == pytest.approx(0.0)
    assert all_of_them.high[0] == pytest.approx(4.0)


def test_runs_that_never_overlap_have_no_mean() -> None:
    assert mean_of([line([0, 5], [1, 1]), line([6, 9], [2, 2])]) == []
    assert not overlap([line([0, 5], [1, 1]), line([6, 9], [2, 2])])
    (same,) = mean_of([line([0, 8], [1, 1]), line([0, 8], [3, 3])])
    assert same.missing == 0
    assert same.mean.tolist() == pytest.approx([2.0] * len(same.x))
