"""Each algorithm has a page with the same parts, and names what it is proved on."""

import re

import pytest

from docs.pages import ROOT, columns_of_metrics, links, named, rows
from upright.settings import SETTINGS, presets_of

PARTS = (
    "The equation",
    "The derivative",
    "Where each symbol is",
    "What it reports, and what is normal",
    "When to use it",
    "Its settings",
    "Presets and measured results",
    "References",
)
RECORDED = sorted(path.stem for path in (ROOT / "src/upright/settings/presets").glob("*.toml"))


def part(algo: str, title: str) -> str:
    text = (ROOT / f"docs/{algo}.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("algo", SETTINGS)
def test_an_algorithms_page_has_every_part(algo: str) -> None:
    text = (ROOT / f"docs/{algo}.md").read_text(encoding="utf-8")
    assert re.findall("^## (.*)$", text, re.MULTILINE) == list(PARTS)
    assert any(each.startswith("../src/upright/learning/") for each in links(f"docs/{algo}.md"))


@pytest.mark.parametrize("algo", SETTINGS)
def test_an_algorithms_page_names_every_environment_on_which_it_was_measured(algo: str) -> None:
    measured = {env for env in RECORDED if algo in presets_of(env).results.get("tuned", {})}
    said = part(algo, "Presets and measured results").partition("on seeds that")[0]
    assert set(re.findall(r"[A-Z]\w+-v\d", said)) == measured


@pytest.mark.parametrize("algo", SETTINGS)
def test_what_an_algorithm_reports_on_its_page_is_a_column(algo: str) -> None:
    table = rows(f"docs/{algo}.md", "What it reports, and what is normal")
    assert {named(row[0])[0] for row in table} <= columns_of_metrics()
    assert len(table) > 5


@pytest.mark.parametrize("algo", SETTINGS)
def test_the_settings_on_an_algorithms_page_are_its_own(algo: str) -> None:
    table = rows(f"docs/{algo}.md", "Its settings")
    assert {name for row in table for name in named(row[0])} <= set(SETTINGS[algo].model_fields)
    assert len(table) > 2
