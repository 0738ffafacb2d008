"""`upright compare`: its table, its sentence, its figure, its object."""

import json
from pathlib import Path

import pytest

from cli.conftest import Typed
from cli.test_bad_input import assert_refused
from study.conftest import two_sides  # noqa: F401  the fixture
from upright.cli.verbs.compare import HEADER_OF_SIDES


@pytest.fixture
def sides(two_sides: Path, tmp_path: Path) -> Path:  # noqa: F811
    """Where a person stands who compares them."""
    for name in ("quick", "slow"):
        (tmp_path / name).symlink_to(two_sides / name)
    return tmp_path


def test_the_table_the_sentence_and_where_the_figure_is(inside: Typed, sides: Path) -> None:
    said = inside("compare", "slow", "quick")
    assert said.code == 0
    header, slow, quick, empty, sentence, *_, figure = said.out.splitlines()
    assert all(name in header for name in HEADER_OF_SIDES)
    assert slow.split()[:3] == ["slow", "4", "0"]
    assert quick.split()[:2] == ["quick", "4"]
    assert empty == ""
    assert sentence.startswith("quick is better than slow: its interquartile mean is higher by ")
    assert figure == "Figure: compare.png"
    assert (sides / "compare.png").read_bytes().startswith(b"\x89PNG")
    assert inside("compare", "slow", "quick").out.splitlines()[-1] == "Figure: compare-2.png"


def test_json_ends_stdout_with_all_of_it(inside: Typed, sides: Path) -> None:
    said = inside("compare", "quick", "slow", "--json", "--out", "c.svg", "--replay")
    told = json.loads(said.out)
    assert told["figure"] == "c.svg"
    assert [side["name"] for side in told["sides"]] == ["quick", "slow"]
    assert [len(side["runs"]) for side in told["sides"]] == [4, 4]
    (found,) = told["comparisons"]
    assert (found["of"], found["with"], found["verdict"]) == ("slow", "quick", "worse")
    assert found["difference"]["low"] <= found["difference"]["value"] <= found["difference"]["high"]
    assert found["probability_of_improvement"]["value"] == 0.0
    assert 0.0 < found["p_value"] < 0.05


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("slow",), "There is one side only"),
        (("slow", "nowhere"), "nowhere names no run."),
        (("slow", "quick", "--out", "c.pdf"), "c.pdf is no .png and no .svg."),
        (("slow", "quick", "--out", "slow"), "slow is no .png and no .svg."),
        (("slow/*/ppo-s0", "quick/*/ppo-s0"), "has one seed"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_nothing_is_drawn(
    words: tuple[str, ...], said: str, inside: Typed, sides: Path
) -> None:
    before = sorted(path.name for path in sides.iterdir())
    assert_refused(inside("compare", *words), said)
    assert sorted(path.name for path in sides.iterdir()) == before
