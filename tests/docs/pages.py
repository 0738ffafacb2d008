"""The project's pages: their code, their commands, their links, their tables."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

import upright

ROOT = Path(upright.__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
SHELL = ("sh", "bash", "")
OPERATORS = (">", "|", "&&", ";")


class Block(NamedTuple):
    """A block of code; one that is only indented has no language."""

    language: str
    text: str


def tokens(page: str) -> list[Token]:
    """What a page consists of, that of its paragraphs included."""
    text = (ROOT / page).read_text(encoding="utf-8")
    parsed = MarkdownIt("commonmark").enable("table").parse(text)
    return [each for token in parsed for each in (token, *(token.children or []))]


def blocks(page: str) -> list[Block]:
    """A page's blocks of code, in order."""
    found = (each for each in tokens(page) if each.type in ("fence", "code_block"))
    return [Block(each.info.strip(), each.content) for each in found]


def python_blocks(page: str) -> list[str]:
    """Those that are Python."""
    return [each.text for each in blocks(page) if each.language == "python"]


def commands(page: str) -> list[list[str]]:
    """The words of each `upright ...` that a page tells a reader to type, without the first."""
    shell = (each.text for each in blocks(page) if each.language in SHELL)
    lines = (line for text in shell for line in text.replace("\\\n", " ").splitlines())
    return list(_words(lines))


def mentions(page: str) -> list[list[str]]:
    """Likewise of those that stand within a sentence, which may leave things out."""
    return list(_words(each.content for each in tokens(page) if each.type == "code_inline"))


def _words(lines: Iterable[str]) -> Iterator[list[str]]:
    for line in lines:
        if re.match(r"\s*upright [a-z]+\b", line):
            words = shlex.split(line, comments=True)[1:]
            yield list(takewhile(lambda word: word not in OPERATORS, words))


def links(page: str) -> list[str]:
    """Where a page's links and pictures lead."""
    targets = (each.attrGet("href") or each.attrGet("src") for each in tokens(page))
    return [str(target) for target in targets if target]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    seen: Counter[str] = Counter()
    found = set()
    for title in _titles(page):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def _titles(page: str) -> Iterator[str]:
    every = tokens(page)
    for index, token in enumerate(every):
        if token.type == "heading_open":
            yield "".join(each.content for each in every[index + 1].children or [])


def rows(page: str, section: str) -> list[list[str]]:
    """The cells of the tables under a heading, without the tables' own heads."""
    text = (ROOT / page).read_text(encoding="utf-8")
    _, _, rest = text.partition(f"\n## {section}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    heads = {index - 1 for index, line in enumerate(lines) if line.startswith("|---")}
    kept = (line for n, line in enumerate(lines) if n not in heads and not line.startswith("|---"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


def named(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def columns_of_metrics() -> set[str]:
    """What the page of metrics describes."""
    sections = ("Episodes and evaluations", "Updates", "Counts and clocks")
    found = (rows("docs/metrics.md", each) for each in sections)
    return {name for table in found for row in table for name in named(row[0])}
