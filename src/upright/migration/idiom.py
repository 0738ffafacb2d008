"""What every idiom of the table is."""

from typing import ClassVar

import libcst as cst

from upright.migration.scene import Scene


class Idiom:
    """One thing that old scripts do, and what is done today.

    Attributes:
        name: As findings and `docs/migrate.md` call it.
        nodes: The kinds of LibCST's nodes that it looks at.
    """

    name: ClassVar[str]
    nodes: ClassVar[tuple[type[cst.CSTNode], ...]]

    def enter(self, node: cst.CSTNode, scene: Scene) -> None:
        """Note something for what stands inside the node, before it is looked at."""

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Judge a node by what stood there, and give what stands there now.

        Args:
            original: The node as it was read: what names and places are asked by.
            updated: The node with what became of all inside it: what is changed.
            scene: Where it is; findings are said to it.
        """
        raise NotImplementedError
