"""What an idiom knows while a module is walked, and what it may do to the module."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange

from upright.migration.kinds import Kind, Kinds
from upright.migration.knowledge import Knowledge
from upright.migration.relic import Relic
from upright.migration.syntax import STATEMENTS, Function, Small, dotted, statement_text
from upright.migration.uses import Uses


@dataclass
class Scene:
    """One module on its way, among all of its file.

    Attributes:
        known: What names stand for, in the whole file.
        kinds: Which of them are environments.
        uses: What the whole file does with its environments.
        positions: Where each node of the module begins and ends.
        idiom: The name of the one that looks at a node.
        findings: What was found so far, with its statement: what becomes of it is not known yet.
        following: Statements that come behind others.
        notes: What idioms note for each other, by node.
    """

    known: Knowledge
    kinds: Kinds
    uses: Uses
    positions: Mapping[cst.CSTNode, CodeRange]
    idiom: str = ""
    findings: list[tuple[cst.CSTNode, Relic]] = field(default_factory=list)
    following: dict[cst.CSTNode, list[Small]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[Any, Any] = field(default_factory=dict)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        """The node right around one."""
        return self.known.parents[node]

    def line(self, node: cst.CSTNode) -> int:
        """Where a node begins, from 1."""
        return self.positions[node].start.line

    def function(self, node: cst.CSTNode) -> Function | None:
        """The function that a node is, or the nearest around it."""
        return self.known.nearest(node, Function)

    def own_class(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """The nearest class around a node, if it derives from Gymnasium's."""
        return self.known.own_class(self.known.scope_of(node))

    def own_method(self, node: cst.CSTNode, *names: str) -> Function | None:
        """The function that a node is or stands in, if it is such a class's of such a name."""
        function = self.function(node)
        if function is None or function.name.value not in names:
            return None
        own = self.own_class(function)
        return function if own and self.known.scope_of(function)[-1] is own else None

    def kind(self, node: cst.CSTNode | None) -> Kind:
        """What an expression is."""
        return self.kinds.of(node)

    def say(self, node: cst.CSTNode, why: str) -> None:
        """Point at the statement that a node is or stands in, and which is being rewritten."""
        self._point_at(node, why, "", True)

    def say_by_hand(self, node: cst.CSTNode, why: str, new: str) -> None:
        """Point at it and leave it as it is; `new` is what works today."""
        self._point_at(node, why, new, False)

    def _point_at(self, node: cst.CSTNode, why: str, new: str, done: bool) -> None:
        while not isinstance(node, STATEMENTS):
            node = self.parent(node)
        line, old = self.line(node), statement_text(node)
        self.findings.append((node, Relic(self.idiom, None, line, old, new, why, done)))

    def named(self, node: cst.CSTNode | None) -> str:
        """What to add to a sentence where the name alone says that it is an environment."""
        if self.kind(node) is not Kind.NAMED:
            return ""
        return f" {dotted(node) or 'It'} is taken for an environment by its name."


def elsewhere(node: cst.CSTNode | None) -> str:
    """A sentence for what is called an environment and comes from another file."""
    name = dotted(node) or "It"
    return f"{name} comes from another file or package: once that is of today, so is this."
