"""One walk over a module: every idiom of the table looks at the nodes that it is about."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import libcst as cst
from libcst import CSTValidationError
from libcst.metadata import MetadataWrapper, PositionProvider

from upright.migration.kinds import Kinds
from upright.migration.knowledge import Knowledge
from upright.migration.origins import known_of
from upright.migration.relic import Relic
from upright.migration.scene import Scene
from upright.migration.syntax import Small
from upright.migration.table import IDIOMS
from upright.migration.uses import Uses, uses_of

Body = cst.SimpleStatementLine | cst.SimpleStatementSuite
_BY_NODE = defaultdict(list)
for _idiom in IDIOMS:
    for _node in _idiom.nodes:
        _BY_NODE[_node].append(_idiom)


class _Walk(cst.CSTTransformer):
    """Rewrites a module, and keeps what becomes of every statement as text."""

    def __init__(self, scene: Scene, guarded: bool) -> None:
        super().__init__()
        self.scene, self.guarded = scene, guarded
        self.texts: dict[cst.CSTNode, str] = {}

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Go in."""
        for idiom in _BY_NODE.get(type(node), ()):
            self.scene.idiom = idiom.name
            idiom.enter(node, self.scene)
        self.scene.parents.append(node)
        return True

    def on_leave(  # type: ignore[override]
        self, original: cst.CSTNode, updated: cst.CSTNode
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.CSTNode]:
        """Let every idiom have its say, then put behind a statement what follows it."""
        self.scene.parents.pop()
        for idiom in _BY_NODE.get(type(original), ()):
            self.scene.idiom = idiom.name
            before, updated = updated, idiom.leave(original, updated, self.scene)
            if self.guarded and updated is not before:
                updated = _in_brackets(updated)
        lines: list[cst.CSTNode] = [updated]
        if isinstance(original, Body):
            lines = _with_following(original, cast("Body", updated), self.scene)
        if isinstance(original, cst.BaseCompoundStatement | Body):
            self.texts[original] = "\n".join(statement_text(self.scene, each) for each in lines)
        return lines[0] if len(lines) == 1 else cst.FlattenSentinel(lines)


def _in_brackets(node: cst.CSTNode) -> cst.CSTNode:
    """A name, or what begins or ends with one, so that it may stand right beside a word."""
    if (
        isinstance(node, cst.Name | cst.Attribute | cst.Tuple | cst.UnaryOperation)
        and not node.lpar
    ):
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def statement_text(scene: Scene, node: cst.CSTNode) -> str:
    """A statement as one reads it: without comments above it, and without its block."""
    if hasattr(node, "leading_lines"):
        node = node.with_changes(leading_lines=())
    if isinstance(node, Body):
        return scene.code(node).strip()
    blank = cst.SimpleStatementSuite([cst.Pass()])
    changes = {"body": blank, "orelse": None, "handlers": (), "finalbody": None, "decorators": ()}
    having = {name: value for name, value in changes.items() if hasattr(node, name)}
    if isinstance(node, cst.Try | cst.TryStar | cst.Match):
        return "try:" if not isinstance(node, cst.Match) else "match"
    return scene.code(node.with_changes(**having)).strip().removesuffix(" pass")


def _with_following(original: Body, updated: Body, scene: Scene) -> list[cst.CSTNode]:
    added = [each for each in original.body if scene.following.get(each)]
    if not added:
        return [updated]
    if isinstance(updated, cst.SimpleStatementLine) and len(original.body) == 1:
        new = scene.following[original.body[0]]
        return [updated, *(cst.SimpleStatementLine([each]) for each in new)]
    parts: list[Small] = []
    for before, after in zip(original.body, updated.body, strict=True):
        parts += [after, *scene.following.get(before, ())]
    semicolon = cst.Semicolon(whitespace_after=cst.SimpleWhitespace(" "))
    parts = [each.with_changes(semicolon=semicolon) for each in parts]
    parts[-1] = parts[-1].with_changes(semicolon=updated.body[-1].semicolon)
    return [updated.with_changes(body=parts)]


@dataclass(frozen=True)
class Rewritten:
    """A module after the walk: its text, and what was found in it."""

    code: str
    findings: list[Relic]


def _findings(scene: Scene, walk: _Walk) -> list[Relic]:
    """What was found, in the order of the lines; what two idioms say alike is said once."""
    found = {}
    for each in scene.remarks:
        finding = Relic(
            idiom=each.idiom,
            cell=None,
            line=scene.positions[each.statement].start.line,
            old=statement_text(scene, each.statement),
            new=walk.texts[each.statement] if each.new is None else each.new,
            why=each.why,
            done=each.done,
        )
        found[finding] = finding.line
    return sorted(found, key=lambda finding: finding.line)


def rewrite(modules: Sequence[cst.Module]) -> list[Rewritten]:
    """Every module of one file, rewritten, with what was found in each."""
    wrappers = [MetadataWrapper(module, unsafe_skip_copy=True) for module in modules]
    whole = [wrapper.module for wrapper in wrappers]
    known = known_of(whole)
    kinds = Kinds(known)
    uses = uses_of(whole, known, kinds)
    return [_rewritten(wrapper, known, kinds, uses) for wrapper in wrappers]


def _rewritten(wrapper: MetadataWrapper, known: Knowledge, kinds: Kinds, uses: Uses) -> Rewritten:
    positions = dict(wrapper.resolve(PositionProvider))

    def walked(guarded: bool) -> Rewritten:
        scene = Scene(known, kinds, uses, positions)
        walk = _Walk(scene, guarded)
        module = wrapper.module.visit(walk)
        assert isinstance(module, cst.Module)
        return Rewritten(module.code, _findings(scene, walk))

    try:
        return walked(guarded=False)
    except CSTValidationError:  # if"a"in b: a word comes to stand right beside another
        return walked(guarded=True)
