"""Small questions to LibCST's nodes, and small nodes."""

from collections.abc import Iterator, Sequence
from typing import Any

import libcst as cst

Function = cst.FunctionDef
Small = cst.BaseSmallStatement
Body = cst.SimpleStatementLine | cst.SimpleStatementSuite
STATEMENTS = (cst.SimpleStatementLine, cst.SimpleStatementSuite, cst.BaseCompoundStatement)
NOTHING = cst.SimpleWhitespace("")
TIGHT = cst.AssignEqual(NOTHING, NOTHING)


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` as text; nothing for what is not made of names and dots."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr.value}" if inner else ""
    return ""


def literal(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string; None for everything else."""
    value = node.evaluated_value if isinstance(node, cst.SimpleString) else None
    return value if isinstance(value, str) else None


def quoted(like: cst.SimpleString, value: str) -> cst.SimpleString:
    """A string in the quotes of another; the value needs no escapes."""
    return like.with_changes(value=f"{like.prefix}{like.quote}{value}{like.quote}")


def method(node: cst.CSTNode | None) -> tuple[cst.BaseExpression | None, str]:
    """The object and the name of `object.name(...)`; None and nothing for all else."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        return node.func.value, node.func.attr.value
    return None, ""


def is_super(node: cst.CSTNode | None) -> bool:
    """Whether it is `super()`."""
    return isinstance(node, cst.Call) and dotted(node.func) == "super"


def defines(own: cst.ClassDef | None, name: str) -> bool:
    """Whether a class has a method of this name in its own text."""
    lines = own.body.body if own else ()
    return any(isinstance(each, Function) and each.name.value == name for each in lines)


def elements(target: cst.CSTNode | None) -> Sequence[cst.BaseElement] | None:
    """The parts of a tuple or a list; None for all else."""
    return target.elements if isinstance(target, cst.Tuple | cst.List) else None


def item_of(node: cst.CSTNode | None) -> cst.BaseExpression | None:
    """The item of `value[item]`; None for every other subscript."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        inside = node.slice[0].slice
        return inside.value if isinstance(inside, cst.Index) else None
    return None


def index_of(node: cst.CSTNode | None) -> int | None:
    """The number in `value[number]`; None for every other subscript."""
    item = item_of(node)
    return item.evaluated_value if isinstance(item, cst.Integer) else None


def indexed(value: cst.BaseExpression, number: int) -> cst.Subscript:
    """`value[number]`."""
    index = cst.SubscriptElement(cst.Index(cst.Integer(str(number))))
    return cst.Subscript(value, [index])


def arguments(call: cst.Call, names: Sequence[str]) -> dict[str, cst.BaseExpression] | None:
    """The arguments of a call by their parameters' names; None where stars or others are among."""
    found: dict[str, cst.BaseExpression] = {}
    for position, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and position >= len(names)):
            return None
        name = arg.keyword.value if arg.keyword else names[position]
        if name not in names or name in found:
            return None
        found[name] = arg.value
    return found


def keywords(call: cst.Call) -> dict[str, cst.BaseExpression]:
    """The arguments of a call that have names, and those behind stars by their stars."""
    named = {dotted(arg.keyword) or arg.star: arg.value for arg in call.args}
    return {name: value for name, value in named.items() if name}


def keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    """An argument `name=value`."""
    return cst.Arg(value, keyword=cst.Name(name), equal=TIGHT)


def with_arguments(call: cst.Call, args: Sequence[cst.Arg]) -> cst.Call:
    """A call with more or fewer; what stood behind the last stands behind what is last now."""
    if not args or not call.args:
        return call.with_changes(args=args)
    end, comma = call.args[-1], cst.MaybeSentinel.DEFAULT
    bare = end.with_changes(comma=comma, whitespace_after_arg=NOTHING)
    *others, last = [bare if arg is end else arg for arg in args]
    last = last.with_changes(comma=end.comma, whitespace_after_arg=end.whitespace_after_arg)
    return call.with_changes(args=[*others, last])


def without_arguments(call: cst.Call, *names: str) -> cst.Call:
    """A call without its keyword arguments of these names."""
    return with_arguments(call, [arg for arg in call.args if dotted(arg.keyword) not in names])


def with_method(call: cst.Call, name: str) -> cst.Call:
    """A call of another method of the same object."""
    return call.with_deep_changes(call.func, attr=cst.Name(name))


def code_of(node: cst.CSTNode) -> str:
    """A node as text."""
    return cst.Module([]).code_for_node(node)


def statement_text(node: cst.CSTNode) -> str:
    """A statement as one reads it: without comments above it, and without its block."""
    if isinstance(node, cst.Try | cst.TryStar):
        return "try:"
    if isinstance(node, cst.Match):
        return "match"
    blank = cst.SimpleStatementSuite([cst.Pass()])
    less: dict[str, Any] = {"leading_lines": (), "decorators": (), "orelse": None}
    less |= {} if isinstance(node, Body) else {"body": blank}
    having = {name: value for name, value in less.items() if hasattr(node, name)}
    text = code_of(node.with_changes(**having)).strip()
    return text if isinstance(node, Body) else text.removesuffix(" pass")


def small(text: str) -> Small:
    """A statement without a block."""
    return cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine).body[0]


def tuple_of(*values: cst.BaseExpression) -> cst.Tuple:
    """`a, b` without brackets."""
    return cst.Tuple([cst.Element(value) for value in values], lpar=(), rpar=())


def spread(
    target: cst.BaseExpression, place: int, values: Sequence[cst.BaseExpression]
) -> cst.BaseExpression:
    """The element of a tuple or a list at a place gives way to one for each value."""
    parts = elements(target) or ()
    *others, last = [cst.Element(value) for value in values]
    new = [*others, last.with_changes(comma=parts[place].comma)]
    return target.with_changes(elements=[*parts[:place], *new, *parts[place + 1 :]])


def walk(node: cst.CSTNode, *but: type[cst.CSTNode]) -> Iterator[cst.CSTNode]:
    """A node and all that is in it, but for what stands in nodes of these kinds."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(each for each in reversed(current.children) if not isinstance(each, but))


def walk_body(function: Function) -> Iterator[cst.CSTNode]:
    """What stands in a function, and in no function or class within it."""
    return walk(function.body, Function, cst.ClassDef, cst.Lambda)
