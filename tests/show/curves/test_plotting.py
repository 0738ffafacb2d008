"""Learning curves as pictures."""

import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import upright
from upright.cli import main
from upright.ground.errors import UprightError
from upright.runs.run import Run
from upright.show.curves import plotting as module
from upright.show.curves.curve import Curve
from upright.show.curves.drawing import REST
from upright.show.curves.plotting import NARROW, Picture, picture, plot
from upright.show.pages.report import card


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data("png"))).convert("RGB"))


def words(picture: Picture) -> set[str]:
    """All text that was drawn."""
    return {each.get_text() for each in picture.figure.findobj(Text)}


def legend(figure: Figure) -> list[str]:
    return [each.get_text() for each in figure.legends[0].get_texts()]


def has(image: np.ndarray, colour: str) -> bool:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((np.abs(image.astype(int) - wanted).sum(axis=2) <= 6).any())


@pytest.fixture(scope="module")
def seeds(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    out = tmp_path_factory.mktemp("seeds")
    return [
        upright.train("CartPole-v1", "ppo", preset="default", total_timesteps=2048, seed=n, out=out)
        for n in (1, 2, 3)
    ]


def test_one_run_has_its_points_its_mean_the_threshold_and_the_verdict(run: Run) -> None:
    picture = plot([run])
    shown = words(picture)
    assert {"CartPole-v1", "environment steps", "episode return (sum of rewards)"} <= shown
    assert {"each episode", "solved from 475", "judged: not solved"} <= shown
    assert any(re.fullmatch(r"ppo: seed 0, mean of \d+", each) for each in shown)
    image = pixels(picture)
    assert image.shape == (720, 1200, 3)
    assert has(image, module.ON_LIGHT[0])
    assert (image[0, 0] == 255).all()


def test_a_dark_one_is_dark(run: Run) -> None:
    image = pixels(plot([run], dark=True))
    assert image[0, 0].max() < 60
    assert has(image, module.ON_DARK[0])


def test_several_seeds_become_one_mean_with_a_band(seeds: list[Run], run: Run) -> None:
    shown = words(plot([*seeds, run]))
    assert "ppo: mean of 4 runs, 95% band" in shown
    assert not any("seed" in each for each in shown)


def test_runs_of_other_settings_get_a_colour_of_their_own(seeds: list[Run], tmp_path: Path) -> None:
    other = upright.train(
        "CartPole-v1", "reinforce", preset="default", total_timesteps=2048, out=tmp_path
    )
    picture = plot([*seeds, other])
    assert any(each.startswith("reinforce: seed 0") for each in words(picture))
    image = pixels(picture)
    assert has(image, module.ON_LIGHT[0])
    assert has(image, module.ON_LIGHT[1])


def line(
    seed: int = 0, end: float = 100.0, height: float = 10.0, evaluated: int = 0, **settings: Any
) -> Curve:
    """A rising curve of three episodes, with a threshold of its environment's own."""
    x = np.linspace(1.0, end, 3)
    settings = {"env": "CartPole-v1", "algo": "ppo"} | settings
    return Curve(
        seed, settings, x, x * height, x * height, 3, "episode return",
        "timesteps", -float(len(settings["env"])), None,
        (np.linspace(1.0, end, evaluated), np.full(evaluated, height * end)),
    )  # fmt: skip


ENVS = ("CartPole-v1", "MountainCar-v0", "Acrobot-v1", "envs/a_long_name.py:Environment")
SETTINGS = ("gamma", "epochs", "clip_range", "hidden_sizes", "learning_rate")
MANY = {
    "algorithms": [line(algo=f"algorithm-{n}", end=50.0 + n, evaluated=9) for n in range(8)],
    "environments": [line(n, env=env) for n, env in enumerate(ENVS)],
    "settings": [line(n, **dict.fromkeys(SETTINGS, n)) for n in range(7)],
}


def assert_whole_and_apart(figure: Figure, least: int) -> None:
    """No words of a figure are clipped, and none overlap."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes, page = figure.axes[0], figure.bbox.padded(1)
    texts = [axes.xaxis.label, axes.yaxis.label, *figure.legends[0].get_texts()]
    texts += [text for text in axes.texts if text.get_text()]
    texts += [text for text in figure.findobj(Text) if text.get_text() == axes.get_title("left")]
    for ticks, limits, n in (
        (axes.get_xticklabels(), axes.get_xlim(), 0),
        (axes.get_yticklabels(), axes.get_ylim(), 1),
    ):
        texts += [text for text in ticks if limits[0] <= text.get_position()[n] <= limits[1]]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    assert len(boxes) > least
    for text, box in boxes:
        assert page.contains(box.x0, box.y0), text
        assert page.contains(box.x1, box.y1), text
    for n, (text, box) in enumerate(boxes):
        for other, another in boxes[n + 1 :]:
            assert not box.overlaps(another), (text, other)


@pytest.mark.parametrize("size", [module.SIZE, NARROW])
@pytest.mark.parametrize("many", [1, 4])
def test_nothing_is_clipped_and_no_words_overlap(
    run: Run, seeds: list[Run], many: int, size: tuple[float, float]
) -> None:
    assert_whole_and_apart(plot([run, *seeds][:many], size=size).figure, 10)


def area(figure: Figure) -> float:
    """Square inches of the axes."""
    FigureCanvasAgg(figure).draw()
    box = figure.axes[0].get_position()
    return float(box.width * figure.get_figwidth() * box.height * figure.get_figheight())


@pytest.mark.parametrize("size", [module.SIZE, NARROW])
@pytest.mark.parametrize("many", MANY)
def test_a_long_legend_takes_no_room_from_the_curves(many: str, size: tuple[float, float]) -> None:
    title = ", ".join(dict.fromkeys(each.settings["env"] for each in MANY[many]))
    figure = picture(MANY[many], title, size=size).figure
    assert_whole_and_apart(figure, 10)
    assert area(figure) > 0.9 * area(picture([line()], "CartPole-v1", size=size).figure)


def test_a_long_metric_name_is_whole() -> None:
    curve = replace(line(), metric="custom/" + "a_long_name_" * 9)
    figure = picture([curve], "CartPole-v1").figure
    assert_whole_and_apart(figure, 8)


def test_a_mean_is_broken_where_a_run_ends() -> None:
    several = [line(1, 100.0, 50.0), line(2, 200.0, 1.0), line(3, 300.0, 1.0)]
    axes = picture(several, "CartPole-v1").figure.axes[0]
    thick = [each for each in axes.lines if each.get_linewidth() >= 2 and len(each.get_xdata())]
    assert [(each.get_xdata()[0], each.get_xdata()[-1]) for each in thick] == [(1, 100), (100, 200)]
    assert thick[0].get_ydata()[-1] > thick[1].get_ydata()[0] + 100
    assert thick[1].get_label() == REST
    assert len(axes.collections) == 2


def test_each_environments_threshold_is_named_and_the_highest_is_first() -> None:
    figure = picture(MANY["environments"], "several").figure
    assert [each for each in legend(figure) if each.startswith("solved")] == [
        "solved from -10 (Acrobot-v1)",
        "solved from -11 (CartPole-v1)",
        "solved from -14 (MountainCar-v0)",
        "solved from -31 (envs/a_long_name.py:Environment)",
    ]
    assert "solved from -11" in legend(picture([line()], "one").figure)
    lines = [each for each in figure.axes[0].lines if str(each.get_label()).startswith("solved")]
    assert len({str(each._unscaled_dash_pattern) for each in lines[:3]}) == 3


def test_many_evaluations_are_small_and_below_the_curve() -> None:
    few, many = (picture([line(evaluated=n)], "CartPole-v1").figure.axes[0].lines for n in (60, 61))
    marks = [
        next(each for each in lines if each.get_label() == "greedy policy, evaluated")
        for lines in (few, many)
    ]
    curve = next(each for each in many if str(each.get_label()).startswith("ppo"))
    assert marks[0].get_markersize() > 1.5 * marks[1].get_markersize()
    assert marks[0].get_zorder() > curve.get_zorder() > marks[1].get_zorder()


def test_a_colour_that_comes_again_is_dashed() -> None:
    lines = picture(MANY["algorithms"], "CartPole-v1").figure.axes[0].lines
    curves = [each for each in lines if str(each.get_label()).startswith("algorithm")]
    assert len(curves) == 8
    assert len({(each.get_color(), each.get_linestyle()) for each in curves}) == 8


def test_what_one_smoothed_value_is_the_mean_of_is_said(run: Run) -> None:
    shown = words(plot([run], "train/explained_variance", smooth=3))
    assert {"each iteration", "ppo: seed 0, mean of 3"} <= shown


def early(run: Path, source: Path) -> Run:
    """A copy of a run before its first episode's end."""
    shutil.copytree(source, run)
    (run / "episodes.jsonl").write_text("")
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    kept = [{key: row[key] for key in row if not key.startswith("rollout/")} for row in rows]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept))
    return upright.load(run)


def test_a_run_without_an_episode_shows_what_it_has(run: Run, tmp_path: Path) -> None:
    first = early(tmp_path / "early", run.path)
    alone = plot([first])
    shown = words(alone)
    assert {"ppo: seed 0, no episode finished yet", "greedy policy, evaluated"} <= shown
    assert "judged: not solved" in shown
    assert has(pixels(alone), module.ON_LIGHT[0])
    assert "learning curve" in card(first)


def test_runs_with_nothing_to_show_are_named_and_spoil_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, empty = early(tmp_path / "early", run.path), early(tmp_path / "empty", run.path)
    (empty.path / "metrics.jsonl").write_text("")
    drawn = plot([empty, run, first])
    assert drawn.data("png") == plot([run]).data("png")
    assert len(drawn.notes) == 2
    assert str(empty.path) in drawn.notes[0]
    assert drawn.notes[1] == f"{first.path}: no training episode has finished yet."
    with pytest.raises(UprightError, match="nothing to draw"):
        plot([empty])
    out = tmp_path / "a.png"
    assert main(["plot", str(run.path), str(first.path), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert said.err.splitlines()[1:] == [f"{first.path}: no training episode has finished yet."]


def test_a_strangers_words_stay_words(run_copy: Path) -> None:
    path = run_copy / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"algo": r"$\frac{1}{$<b>\n" + "x" * 300}))
    picture = plot([upright.load(run_copy)])
    assert len(picture.data("png")) > 1000
    assert b"<b>" not in picture.data("svg")


def test_a_picture_is_saved_once_and_only_as_what_it_is(run: Run, tmp_path: Path) -> None:
    picture = plot([run])
    assert picture.save(tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    saved = picture.save(str(tmp_path / "a.png"))
    assert saved.read_bytes().startswith(b"\x89PNG")
    assert picture._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(UprightError, match="exists already"):
        picture.save(saved)
    for name in ("a.jpg", "a", "a.png.txt"):
        with pytest.raises(UprightError, match=r"is no \.png and no \.svg"):
            picture.save(tmp_path / name)
    with pytest.raises(UprightError, match="no folder"):
        picture.save(tmp_path / "none" / "a.png")
    assert {each.name for each in tmp_path.iterdir()} == {"a.svg", "a.png"}


def test_the_same_run_is_drawn_to_the_same_bytes(run: Run) -> None:
    assert plot([run]).data("png") == plot([run]).data("png")


def test_a_run_draws_itself(run: Run) -> None:
    assert isinstance(run.plot(), Picture)
    assert run.plot("train/entropy", "seconds", 3).data("png").startswith(b"\x89PNG")


def test_a_hundred_thousand_episodes_make_a_small_picture(run_copy: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"timesteps": n * 10, "iteration": n, "env": 0, "return": float(n % 50), "length": 10}
        for n in range(1, 100_001)
    ]
    (run_copy / "episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert len(plot([upright.load(run_copy)]).data("svg")) < 3_000_000


@pytest.mark.long
def test_what_draws_never_loads_what_opens_windows(run: Run) -> None:
    code = (
        "import sys, upright\n"
        f"upright.load({str(run.path)!r}).plot().data('png')\n"
        "print([name for name in ('matplotlib.pyplot', 'tkinter') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.strip() == "[]"
