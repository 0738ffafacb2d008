"""Learning curves as pictures."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import upright
from upright.errors import UprightError
from upright.run import Run
from upright.show import plot as module
from upright.show.plot import NARROW, Picture, plot


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.data("png"))).convert("RGB"))


def words(picture: Picture) -> set[str]:
    """All text that was drawn."""
    from matplotlib.text import Text

    return {each.get_text() for each in picture.figure.findobj(Text)}


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


@pytest.mark.parametrize("size", [module.SIZE, NARROW])
@pytest.mark.parametrize("many", [1, 4])
def test_nothing_is_clipped_and_no_words_overlap(
    run: Run, seeds: list[Run], many: int, size: tuple[float, float]
) -> None:
    figure = plot([run, *seeds][:many], size=size).figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes, page = figure.axes[0], figure.bbox.padded(1)
    texts = [axes.xaxis.label, axes.yaxis.label, *figure.legends[0].get_texts()]
    texts += [text for text in axes.texts if text.get_text()]
    for ticks, limits, n in (
        (axes.get_xticklabels(), axes.get_xlim(), 0),
        (axes.get_yticklabels(), axes.get_ylim(), 1),
    ):
        texts += [text for text in ticks if limits[0] <= text.get_position()[n] <= limits[1]]
    boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in texts]
    assert len(boxes) > 10
    for text, box in boxes:
        assert page.contains(box.x0, box.y0), text
        assert page.contains(box.x1, box.y1), text
    for n, (text, box) in enumerate(boxes):
        for other, another in boxes[n + 1 :]:
            assert not box.overlaps(another), (text, other)


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
