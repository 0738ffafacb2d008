"""Small questions to LibCST's nodes, and small nodes."""

from collections.abc import Iterator, Sequence

import libcst as cst

Function = cst.FunctionDef
Small = cst.BaseSmallStatement


def dotted(node: cst.CSTNode | None) -> str:
    """`a.b.c` as text; nothing for what is not made of names and dots."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr.value}" if inner else ""
    return ""


def chain(text: str) -> cst.Name | cst.Attribute:
    """The node of `a.b.c`."""
    first, *rest = text.split(".")
    node: cst.Name | cst.Attribute = cst.Name(first)
    for name in rest:
        node = cst.Attribute(node, cst.Name(name))
    return node


def literal(node: cst.CSTNode | None) -> str | None:
    """The value of a plain string; None for everything else."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def quoted(like: cst.SimpleString, value: str) -> cst.SimpleString:
    """A string in the quotes of another; the value needs no escapes."""
    return like.with_changes(value=f"{like.prefix}{like.quote}{value}{like.quote}")


def method(node: cst.CSTNode | None) -> tuple[cst.BaseExpression | None, str]:
    """The object and the name of `object.name(...)`; None and nothing for all else."""
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        return node.func.value, node.func.attr.value
    return None, ""


def elements(target: cst.CSTNode) -> Sequence[cst.BaseElement] | None:
    """The parts of a tuple or a list; None for all else."""
    if isinstance(target, cst.Tuple | cst.List):
        return target.elements
    return None


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


def keyword(name: str, value: cst.BaseExpression) -> cst.Arg:
    """An argument `name=value`."""
    tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return cst.Arg(value, keyword=cst.Name(name), equal=tight)


def has_keyword(call: cst.Call, *names: str) -> bool:
    """Whether an argument is given by one of these names, or by two stars."""
    given = (arg.keyword.value if arg.keyword else arg.star for arg in call.args)
    return any(name in (*names, "**") for name in given)


def with_argument(call: cst.Call, added: cst.Arg) -> cst.Call:
    """A call with one more argument; what stood behind the last one stands behind it."""
    if not call.args:
        return call.with_changes(args=[added])
    *others, last = call.args
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    added = added.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    last = last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*others, last, added])


def with_arguments(call: cst.Call, args: Sequence[cst.Arg]) -> cst.Call:
    """A call with fewer arguments; what stood behind the last stands behind what is last now."""
    if not args or not call.args:
        return call.with_changes(args=args)
    *others, last = args
    end = call.args[-1]
    last = last.with_changes(comma=end.comma, whitespace_after_arg=end.whitespace_after_arg)
    return call.with_changes(args=[*others, last])


def without_arguments(call: cst.Call, *names: str) -> cst.Call:
    """A call without its keyword arguments of these names."""
    kept = [arg for arg in call.args if not (arg.keyword and arg.keyword.value in names)]
    return with_arguments(call, kept)


def first_of(call: cst.BaseExpression) -> cst.Subscript:
    """`call[0]`."""
    return indexed(call, 0)


def indexed(value: cst.BaseExpression, number: int) -> cst.Subscript:
    """`value[number]`."""
    index = cst.SubscriptElement(cst.Index(cst.Integer(str(number))))
    return cst.Subscript(value, [index])


def index_of(node: cst.CSTNode | None) -> int | None:
    """The number in `value[number]`; None for every other subscript."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        inside = node.slice[0].slice
        if isinstance(inside, cst.Index) and isinstance(inside.value, cst.Integer):
            return inside.value.evaluated_value
    return None


def small(text: str) -> Small:
    """A statement without a block."""
    line = cst.parse_statement(text)
    assert isinstance(line, cst.SimpleStatementLine)
    return line.body[0]


def tuple_of(*values: cst.BaseExpression) -> cst.Tuple:
    """`a, b` without brackets."""
    return cst.Tuple([cst.Element(value) for value in values], lpar=(), rpar=())


def spread(target: cst.Tuple | cst.List, place: int, names: Sequence[str]) -> cst.Tuple | cst.List:
    """The element at a place gives way to one for each name."""
    parts = list(target.elements)
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    new = [cst.Element(cst.Name(name), comma=comma) for name in names]
    new[-1] = new[-1].with_changes(comma=parts[place].comma)
    return target.with_changes(elements=[*parts[:place], *new, *parts[place + 1 :]])


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and all that is in it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(current.children))


def walk_body(function: Function) -> Iterator[cst.CSTNode]:
    """What stands in a function, and in no function or class within it."""
    waiting: list[cst.CSTNode] = [function.body]
    while waiting:
        current = waiting.pop()
        yield current
        inner = reversed(current.children)
        waiting.extend(
            each for each in inner if not isinstance(each, Function | cst.ClassDef | cst.Lambda)
        )
