"""A walk that learns what the names of a file stand for."""

from collections.abc import Sequence

import libcst as cst

from upright.migration.knowledge import ANY, ENV_LIKE, Knowledge, normal
from upright.migration.syntax import Function, dotted, elements, index_of, method, walk


def known_of(modules: Sequence[cst.Module]) -> Knowledge:
    """What the modules, one after the other, say of their names."""
    known = Knowledge()
    for module in modules:
        module.visit(_Learner(known))
    return known


class _Learner(cst.CSTVisitor):
    """Fills a `Knowledge` from one module."""

    def __init__(self, known: Knowledge) -> None:
        self.known = known
        self.scope: list[Function | cst.ClassDef] = []
        self.underscores = 0

    def visit_Import(self, node: cst.Import) -> None:  # noqa: N802
        for alias in node.names:
            name = dotted(alias.name)
            self.known.imports_old |= name.partition(".")[0] == "gym"
            asname = alias.asname.name if alias.asname else None
            if isinstance(asname, cst.Name):
                self.known.origins[asname.value] = normal(name)
            else:
                first = name.partition(".")[0]
                self.known.origins[first] = normal(first)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
        if isinstance(node.names, cst.ImportStar):
            return
        module = "." * len(node.relative) + dotted(node.module)
        self.known.imports_old |= module.partition(".")[0] == "gym"
        for alias in node.names:
            asname = alias.asname.name if alias.asname else alias.name
            self.known.origins[dotted(asname)] = normal(f"{module}.{dotted(alias.name)}")

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802
        self.known.names.add(node.value)
        self.underscores += node.value == "_"

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802
        self._is_given(node.target)

    def visit_For(self, node: cst.For) -> None:  # noqa: N802
        self._is_given(node.target)
        self.known.loop_names |= {dotted(each) for each in walk(node.target)}

    def visit_CompFor(self, node: cst.CompFor) -> None:  # noqa: N802
        self._is_given(node.target)
        self.known.loop_names |= {dotted(each) for each in walk(node.target)}

    def visit_Param(self, node: cst.Param) -> None:  # noqa: N802
        self._is_given(node.name)

    def _is_given(self, target: cst.CSTNode) -> None:
        """What is only assigned is not read."""
        self.underscores -= sum(dotted(each) == "_" for each in walk(target))

    def leave_Module(self, original_node: cst.Module) -> None:  # noqa: N802
        self.known.reads_underscore |= self.underscores > 0

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802
        given = [dotted(arg.value) for arg in node.args]
        if dotted(node.func) == "isinstance" and given[1:] == ["tuple"]:
            self.known.apart.add((given[0], ANY))
        elif dotted(node.func) == "len" and given:
            self.known.apart |= {(given[0], 2), (given[0], 5)}

    def visit_Subscript(self, node: cst.Subscript) -> None:  # noqa: N802
        number = index_of(node)
        if number == 4 and method(node.value)[1] == "step":
            self.known.has_new_style = True
        if number in (0, 1):
            self.known.apart.add((dotted(node.value), 2))
        elif number == 4:
            self.known.apart.add((dotted(node.value), 5))

    def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802
        self.known.classes[node.name.value] = node
        self._enter(node)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:  # noqa: N802
        self.scope.pop()

    def visit_FunctionDef(self, node: Function) -> None:  # noqa: N802
        if not self.scope or isinstance(self.scope[-1], Function):
            self.known.functions[node.name.value] = node
        self._enter(node)
        every = node.params
        given = [*every.posonly_params, *every.params, *every.kwonly_params]
        self.known.parameters[node] = {each.name.value: each.annotation for each in given}

    def leave_FunctionDef(self, original_node: Function) -> None:  # noqa: N802
        self.scope.pop()

    def _enter(self, node: Function | cst.ClassDef) -> None:
        self.known.homes[node] = tuple(self.scope)
        self.scope.append(node)

    def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802
        for each in node.targets:
            self._bind(each.target, node.value)
            self._style(each.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self._bind(node.target, node.value)

    def visit_WithItem(self, node: cst.WithItem) -> None:  # noqa: N802
        if node.asname is not None:
            self._bind(node.asname.name, node.item)

    def _bind(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        parts, given = elements(target), elements(value)
        if parts is not None:
            if given is not None and len(parts) == len(given):
                for part, each in zip(parts, given, strict=True):
                    self._bind(part.value, each.value)
        elif isinstance(target, cst.Name):
            place = self.scope[-1] if self.scope else None
            self.known.values[place, target.value].append(value)
        elif isinstance(target, cst.Attribute):
            self.known.values[None, f".{target.attr.value}"].append(value)

    def _style(self, target: cst.CSTNode, value: cst.BaseExpression) -> None:
        """Note in which style steps and resets are unpacked."""
        parts, (receiver, name) = elements(target), method(value)
        if parts is not None:
            self.known.apart.add((dotted(value), len(parts)))
        last = dotted(receiver).rpartition(".")[2]
        if parts is None or not ENV_LIKE.fullmatch(last):
            return
        if name == "step":
            self.known.has_old_style |= len(parts) == 4
            self.known.has_new_style |= len(parts) == 5
        elif name == "reset":
            self.known.has_new_style |= len(parts) == 2
