"""What an idiom knows while a module is walked, and what it may do to the module."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import libcst as cst
from libcst.metadata import CodeRange

from upright.migration.kinds import Kind, Kinds
from upright.migration.knowledge import Knowledge, Scope
from upright.migration.syntax import Function, Small, dotted
from upright.migration.uses import Uses

ENDS = ("terminated", "truncated")


@dataclass
class Remark:
    """A finding whose statement is not yet rewritten."""

    idiom: str
    statement: cst.CSTNode
    why: str
    new: str | None
    done: bool


@dataclass
class Scene:
    """One module on its way, among all of its file.

    Attributes:
        known: What names stand for, in the whole file.
        kinds: Which of them are environments.
        uses: What the whole file does with its environments.
        positions: Where each node of the module begins and ends.
        parents: The nodes around the present one, from outside to inside.
        remarks: What was found so far.
    """

    known: Knowledge
    kinds: Kinds
    uses: Uses
    positions: dict[cst.CSTNode, CodeRange]
    parents: list[cst.CSTNode] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    idiom: str = ""
    following: dict[cst.CSTNode, list[Small]] = field(default_factory=lambda: defaultdict(list))
    # What idioms note for each other, by node.
    notes: dict[Any, Any] = field(default_factory=dict)

    @property
    def parent(self) -> cst.CSTNode:
        """The node right around the present one."""
        return self.parents[-1]

    @property
    def scope(self) -> Scope:
        """The functions and classes around the present node, from outside to inside."""
        inside = [each for each in self.parents if isinstance(each, Function | cst.ClassDef)]
        return tuple(inside)

    @property
    def function(self) -> Function | None:
        """The nearest function around the present node."""
        found = (each for each in reversed(self.scope) if isinstance(each, Function))
        return next(found, None)

    @property
    def own_class(self) -> cst.ClassDef | None:
        """The class that the nearest function is a method of, if it derives from Gymnasium's."""
        above = [None, *self.scope]
        for holder, inner in zip(reversed(above[:-1]), reversed(above[1:]), strict=True):
            if isinstance(inner, Function) and isinstance(holder, cst.ClassDef):
                return holder if self.known.base_of(holder) else None
        return None

    def kind(self, node: cst.CSTNode | None) -> Kind:
        """What an expression is, seen from here."""
        return self.kinds.of(node, self.scope)

    def say(
        self,
        why: str,
        new: str | None = None,
        *,
        done: bool = True,
        at: cst.CSTNode | None = None,
    ) -> None:
        """Point at the statement around the present node.

        Args:
            why: One sentence.
            new: What works today; without it, what becomes of the statement.
            done: Whether the node is being rewritten.
            at: The present node, where it is a statement itself.
        """
        kinds = (cst.SimpleStatementLine, cst.SimpleStatementSuite, cst.BaseCompoundStatement)
        around = [each for each in (*self.parents, at) if isinstance(each, kinds)]
        statement = around[-1]
        self.remarks.append(Remark(self.idiom, statement, why, new, done))

    def say_by_hand(self, why: str, new: str, at: cst.CSTNode | None = None) -> None:
        """Point at the statement and leave it as it is."""
        self.say(why, new, done=False, at=at)

    def follow(self, statement: cst.CSTNode, *new: Small) -> None:
        """Put statements behind one that has no block."""
        self.following[statement] += new

    def named(self, node: cst.CSTNode | None) -> str:
        """What to add to a sentence where the name alone says that it is an environment."""
        if self.kind(node) is not Kind.NAMED:
            return ""
        return f" {dotted(node) or 'It'} is taken for an environment by its name."

    def elsewhere(self, node: cst.CSTNode | None) -> str:
        """A sentence for what is called an environment and comes from another file."""
        name = dotted(node) or "It"
        return f"{name} comes from another file or package: once that is of today, so is this."

    def ends(self) -> Sequence[str]:
        """The names of a step's two ends that the file does not use for something else."""
        taken = self.known.has_old_style and not self.known.has_new_style
        if taken and self.known.names & set(ENDS):
            return [f"step_{name}" for name in ENDS]
        return ENDS

    def code(self, node: cst.CSTNode) -> str:
        """A node as text."""
        return cst.Module([]).code_for_node(node)
