"""One walk over a module: every idiom of the table looks at the nodes that it is about."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import libcst as cst
from libcst import CSTValidationError
from libcst.metadata import MetadataWrapper, PositionProvider

from upright.migration.kinds import Kinds
from upright.migration.knowledge import known_of
from upright.migration.relic import Relic
from upright.migration.scene import Scene
from upright.migration.syntax import STATEMENTS, Body, statement_text
from upright.migration.table import IDIOMS, Idiom
from upright.migration.uses import uses_of

_BY_NODE: dict[type[cst.CSTNode], list[Idiom]] = defaultdict(list)
for _idiom in IDIOMS:
    for _node in _idiom.nodes:
        _BY_NODE[_node].append(_idiom)


class _Walk(cst.CSTTransformer):
    """Rewrites a module, and keeps what becomes of every statement as text."""

    def __init__(self, scene: Scene, guarded: bool) -> None:
        super().__init__()
        self.scene, self.guarded = scene, guarded
        self.texts: dict[cst.CSTNode, str] = {}

    def on_leave(  # type: ignore[override]
        self, original: cst.CSTNode, updated: cst.CSTNode
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode]:
        """Let every idiom have its say, then put behind a statement what follows it."""
        for idiom in _BY_NODE.get(type(original), ()):
            self.scene.idiom = idiom.name
            before, updated = updated, idiom.judge(original, updated, self.scene)
            if self.guarded and updated is not before:
                updated = _in_brackets(updated)
        lines: Sequence[cst.CSTNode] = [updated]
        if isinstance(original, Body) and isinstance(updated, Body):
            lines = _with_following(original, updated, self.scene)
        if isinstance(original, STATEMENTS):
            self.texts[original] = "\n".join(map(statement_text, lines))
        return lines[0] if len(lines) == 1 else cst.FlattenSentinel(lines)


def _in_brackets(node: cst.CSTNode) -> cst.CSTNode:
    """A name, or what begins or ends with one, so that it may stand right beside a word."""
    kinds = (cst.Name, cst.Attribute, cst.Tuple, cst.UnaryOperation)
    if isinstance(node, kinds) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def _with_following(original: Body, updated: Body, scene: Scene) -> Sequence[cst.CSTNode]:
    """A line, and what follows it: on lines of its own, or where it shares a line on the same."""
    added = [new for each in original.body for new in scene.following.get(each, ())]
    if not added:
        return [updated]
    if isinstance(updated, cst.SimpleStatementLine) and len(original.body) == 1:
        return [updated, *(cst.SimpleStatementLine([each]) for each in added)]
    parts: list[cst.BaseSmallStatement] = []
    for before, after in zip(original.body, updated.body, strict=True):
        parts += [after, *scene.following.get(before, ())]
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    parts = [each.with_changes(semicolon=semicolon) for each in parts]
    parts[-1] = parts[-1].with_changes(semicolon=updated.body[-1].semicolon)
    return [updated.with_changes(body=parts)]


class Rewritten(NamedTuple):
    """A module after the walk: its text, and what was found in it, in the order of the lines."""

    code: str
    findings: list[Relic]


def _findings(scene: Scene, walk: _Walk) -> list[Relic]:
    """What was found; what two idioms say alike is said once."""
    found = [
        replace(relic, new=walk.texts[statement]) if relic.done else relic
        for statement, relic in scene.findings
    ]
    return sorted(dict.fromkeys(found), key=lambda relic: relic.line)


def rewrite(modules: Sequence[cst.Module]) -> list[Rewritten]:
    """Every module of one file, rewritten, with what was found in each."""
    wrappers = [MetadataWrapper(module, unsafe_skip_copy=True) for module in modules]
    known = known_of(wrappers)
    kinds = Kinds(known)
    uses = uses_of(known, kinds)

    def walked(wrapper: MetadataWrapper, guarded: bool) -> Rewritten:
        scene = Scene(known, kinds, uses, wrapper.resolve(PositionProvider))
        walk = _Walk(scene, guarded)
        module = wrapper.module.visit(walk)
        return Rewritten(module.code, _findings(scene, walk))

    def rewritten(wrapper: MetadataWrapper) -> Rewritten:
        try:
            return walked(wrapper, guarded=False)
        except CSTValidationError:  # if"a"in b: a word comes to stand right beside another
            return walked(wrapper, guarded=True)

    return [rewritten(wrapper) for wrapper in wrappers]
