"""Environments and wrappers of one's own: what their `reset` and `step` take and give."""

import libcst as cst

from upright.migration.resetting import RESET_GIVES, lacking
from upright.migration.scene import Scene
from upright.migration.stepping import STEP_GIVES
from upright.migration.syntax import (
    TIGHT,
    Function,
    code_of,
    defines,
    dotted,
    elements,
    is_super,
    literal,
    method,
    quoted,
    spread,
    tuple_of,
    walk_body,
)

METADATA = {"render.modes": "render_modes", "video.frames_per_second": "render_fps"}
HIDDEN = ("_step", "_reset", "_render", "_seed", "_close")


def reset_defined(original: Function, updated: Function, scene: Scene) -> Function:
    """`def reset(self)` of a class that derives from Gymnasium's: what it lacks, and the base's."""
    lacks, own = lacking(original, scene), scene.own_class(original)
    if not lacks or own is None:
        return updated
    scene.say(original, "Gymnasium hands the seed and the options to reset.")
    updated = updated.with_changes(params=_with(updated.params, lacks))
    base_is_called = any(_is_base_reset(each) for each in walk_body(original))
    if "seed" in lacks and scene.known.base_of(own) == "env" and not base_is_called:
        first: list[cst.BaseStatement] = [cst.parse_statement("super().reset(seed=seed)")]
        if defines(own, "seed"):
            first.append(cst.parse_statement("if seed is not None:\n    self.seed(seed)"))
        return _beginning_with(first, updated)
    return updated


def _with(params: cst.Parameters, names: list[str]) -> cst.Parameters:
    """Keyword parameters that are None by themselves, behind the others."""
    added = [cst.Param(cst.Name(name), default=cst.Name("None"), equal=TIGHT) for name in names]
    star = params.star_arg
    if not isinstance(star, cst.Param | cst.ParamStar):
        star = cst.ParamStar()
    return params.with_changes(star_arg=star, kwonly_params=[*params.kwonly_params, *added])


def _is_base_reset(node: cst.CSTNode) -> bool:
    receiver, name = method(node)
    return name == "reset" and is_super(receiver)


def _beginning_with(first: list[cst.BaseStatement], function: Function) -> Function:
    """A function with statements before its own, behind what describes it."""
    body, behind = function.body, int(function.get_docstring() is not None)
    if isinstance(body, cst.SimpleStatementSuite):
        block = cst.IndentedBlock([*first, cst.SimpleStatementLine(body.body)])
        return function.with_changes(body=block)
    lines = [*body.body[:behind], *first, *body.body[behind:]]
    return function.with_changes(body=body.with_changes(body=lines))


def reset_returned(original: cst.Return, updated: cst.Return, scene: Scene) -> cst.Return:
    """`return obs` in a reset of one's own: an info beside it."""
    function, value = scene.own_method(original, "reset"), original.value
    if function is None or value is None or updated.value is None or _gives_both(original):
        return updated
    receiver, name = method(value)
    if name == "reset" and scene.kind(receiver).is_env:
        return updated  # which gives both
    if len(elements(value) or ()) == 2:
        why = f"{RESET_GIVES} Are these two parts of an observation?"
        scene.say_by_hand(original, why, "return obs, info")
        return updated
    if any(_gives_both(each) for each in walk_body(function)):
        return updated
    scene.say(original, RESET_GIVES)
    obs, info = updated.value, cst.Dict([])
    if isinstance(value, cst.Tuple) and not value.lpar:
        obs = obs.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    both = tuple_of(obs, cst.Name("info") if (function, "reset") in scene.notes else info)
    # `return(a)` as `return (a), {}`, since a bracket need not begin what comes.
    return updated.with_changes(value=both, whitespace_after_return=cst.SimpleWhitespace(" "))


def _gives_both(node: cst.CSTNode) -> bool:
    """Whether it returns two, of which the second is an info by its name or its kind."""
    parts = elements(node.value) if isinstance(node, cst.Return) else None
    if parts is None or len(parts) != 2:
        return False
    info = parts[1].value
    last = dotted(info.func if isinstance(info, cst.Call) else info).rpartition(".")[2]
    return isinstance(info, cst.Dict) or "info" in last or last == "dict"


def step_returned(original: cst.Return, updated: cst.Return, scene: Scene) -> cst.Return:
    """`return obs, reward, done, {}` in a step of one's own: what the step inside said, or done."""
    function, parts = scene.own_method(original, "step", "_step"), elements(original.value)
    if function is None or parts is None or len(parts) != 4 or updated.value is None:
        return updated
    if any(isinstance(each, cst.StarredElement) for each in parts):
        return updated
    done = code_of(parts[2].value)
    ends = scene.notes.get((function, "done", done))
    limit = "" if ends else " A time limit of its own belongs into the fourth, now False."
    scene.say(original, f"{STEP_GIVES}{limit}")
    first, second = (elements(updated.value) or parts)[2].value, cst.Name("False")
    if ends:
        second = cst.Name(ends[1])
        if sum(_assigns(each, done) for each in walk_body(function)) < 2:
            first = cst.Name(ends[0])
    return updated.with_changes(value=spread(updated.value, 2, [first, second]))


def _assigns(node: cst.CSTNode, name: str) -> bool:
    """Whether a statement gives a name another value."""
    if isinstance(node, cst.AugAssign):
        return dotted(node.target) == name
    if isinstance(node, cst.AssignTarget):
        parts = elements(node.target)
        given = [node.target] if parts is None else [part.value for part in parts]
        return any(dotted(each) == name for each in given)
    return False


def method_hidden(original: Function, updated: Function, scene: Scene) -> Function:
    """`_step` and `_reset` of before Gym 0.9.6, which nothing calls any more: for a person."""
    today, own = original.name.value.removeprefix("_"), scene.own_class(original)
    if scene.own_method(original, *HIDDEN) and not defines(own, today):
        why = "It is called without the underscore since Gym 0.9.6."
        scene.say_by_hand(original, why, f"def {today}({code_of(original.params)}):")
    return updated


def metadata_named(
    original: cst.SimpleString, updated: cst.SimpleString, scene: Scene
) -> cst.SimpleString:
    """`metadata = {"render.modes": [...]}`: the keys of today."""
    new = METADATA.get(literal(original) or "")
    if not new or not isinstance(scene.parent(original), cst.DictElement | cst.Index | cst.Arg):
        return updated
    scene.say(original, f"The key is called {new} since Gym 0.26.")
    return quoted(updated, new)
