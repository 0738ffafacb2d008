"""Environments and wrappers of one's own: what their `reset` and `step` take and give."""

import libcst as cst

from upright.migration.idiom import Idiom
from upright.migration.resetting import RESET_GIVES
from upright.migration.scene import Scene
from upright.migration.stepping import STEP_GIVES
from upright.migration.syntax import Function, dotted, elements, literal, method, quoted, walk_body

RESET_TAKES = ("seed", "options")
METADATA = {"render.modes": "render_modes", "video.frames_per_second": "render_fps"}


class OwnReset(Idiom):
    """`def reset(self): ...` of a class that derives from `gym.Env` or `gym.Wrapper`."""

    name = "own-reset"
    nodes = (Function, cst.Return)

    def enter(self, node: cst.CSTNode, scene: Scene) -> None:
        """Note which parameters the method lacks."""
        if isinstance(node, Function) and node.name.value == "reset" and _class(scene):
            given = {each.name.value for each in (*node.params.params, *node.params.kwonly_params)}
            lacks = [name for name in RESET_TAKES if name not in given]
            if lacks and node.params.star_kwarg is None:
                scene.notes[node, "signed"] = lacks

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The parameters, the base's own reset, and an info beside each observation."""
        if isinstance(original, cst.Return):
            assert isinstance(updated, cst.Return)
            return _with_info(original, updated, scene)
        lacks = scene.notes.get((original, "signed"))
        if not lacks:
            return updated
        assert isinstance(original, Function)
        assert isinstance(updated, Function)
        scene.say("Gymnasium hands the seed and the options to reset.", at=original)
        updated = updated.with_changes(params=_with(updated.params, lacks))
        own = _class(scene)
        if "seed" in lacks and own and scene.known.base_of(own) == "env":
            return _seeding(original, updated, _defines(own, "seed"))
        return updated


def _class(scene: Scene) -> cst.ClassDef | None:
    """The class whose body the present node stands in, if it derives from Gymnasium's."""
    own = scene.scope[-1] if scene.scope else None
    return own if isinstance(own, cst.ClassDef) and scene.known.base_of(own) else None


def _with(params: cst.Parameters, names: list[str]) -> cst.Parameters:
    """Keyword parameters that are None by themselves, behind the others."""
    tight = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = [cst.Param(cst.Name(name), default=cst.Name("None"), equal=tight) for name in names]
    star = params.star_arg
    if not isinstance(star, cst.Param | cst.ParamStar):
        star = cst.ParamStar()
    return params.with_changes(star_arg=star, kwonly_params=[*params.kwonly_params, *added])


def _defines(own: cst.ClassDef, name: str) -> bool:
    """Whether a class has a method of this name in its own text."""
    return any(isinstance(each, Function) and each.name.value == name for each in own.body.body)


def _seeding(original: Function, updated: Function, own_seed: bool) -> Function:
    """The base's reset first, which seeds `self.np_random`, unless it is called already."""
    if any(_is_base_reset(each) for each in walk_body(original)):
        return updated
    first = [cst.parse_statement("super().reset(seed=seed)")]
    if own_seed:
        first.append(cst.parse_statement("if seed is not None:\n    self.seed(seed)"))
    body = updated.body
    if isinstance(body, cst.SimpleStatementSuite):
        lines: list[cst.BaseStatement] = [cst.SimpleStatementLine(body.body)]
        return updated.with_changes(body=cst.IndentedBlock([*first, *lines]))
    assert isinstance(body, cst.IndentedBlock)
    behind = 1 if original.get_docstring() is not None else 0
    lines = [*body.body]
    return updated.with_changes(
        body=body.with_changes(body=[*lines[:behind], *first, *lines[behind:]])
    )


def _is_base_reset(node: cst.CSTNode) -> bool:
    receiver, name = method(node)
    return name == "reset" and isinstance(receiver, cst.Call) and dotted(receiver.func) == "super"


def _method(scene: Scene, name: str) -> Function | None:
    """The method of this name of a class of one's own that the present node stands in."""
    function = scene.function
    inside = function is not None and function.name.value in (name, f"_{name}")
    return function if inside and scene.own_class is not None else None


def _with_info(original: cst.Return, updated: cst.Return, scene: Scene) -> cst.Return:
    function, value = _method(scene, "reset"), original.value
    if function is None or function.name.value != "reset" or value is None:
        return updated
    receiver, name = method(value)
    if name == "reset" and scene.kind(receiver).is_env:
        return updated  # which gives both
    parts = elements(value)
    if parts is not None and len(parts) == 2:
        if not _is_info(parts[1].value):
            why = f"{RESET_GIVES} Are these two parts of an observation?"
            scene.say_by_hand(why, "return obs, info")
        return updated
    if any(_is_modern(each) for each in walk_body(function)):
        return updated
    assert updated.value is not None
    bare = isinstance(value, cst.Tuple) and not value.lpar
    obs = updated.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    info = cst.Name("info") if scene.notes.get((function, "reset")) else cst.Dict([])
    scene.say(RESET_GIVES)
    both = cst.Tuple([cst.Element(obs if bare else updated.value), cst.Element(info)], (), ())
    return _spaced(updated).with_changes(value=both)


def _spaced(node: cst.Return) -> cst.Return:
    """`return(a)` as `return (a)`, since a bracket need not begin what comes."""
    return node.with_changes(whitespace_after_return=cst.SimpleWhitespace(" "))


def _is_modern(node: cst.CSTNode) -> bool:
    parts = elements(node.value) if isinstance(node, cst.Return) and node.value else None
    return parts is not None and len(parts) == 2 and _is_info(parts[1].value)


def _is_info(node: cst.BaseExpression) -> bool:
    called = dotted(node.func) if isinstance(node, cst.Call) else dotted(node)
    last = called.rpartition(".")[2]
    return isinstance(node, cst.Dict) or "info" in last or last == "dict"


class OwnStep(Idiom):
    """`return obs, reward, done, {}` in the `step` of a class of one's own."""

    name = "own-step"
    nodes = (cst.Return, Function)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """Five values: what the step inside said, or the end as it is and no time limit."""
        if isinstance(original, Function):
            _refuse_hidden(original, scene)
            return updated
        assert isinstance(original, cst.Return)
        function = _method(scene, "step")
        parts = elements(original.value) if original.value else None
        if function is None or parts is None or len(parts) != 4:
            return updated
        if any(isinstance(each, cst.StarredElement) for each in parts):
            return updated
        assert isinstance(updated, cst.Return)
        assert isinstance(updated.value, cst.Tuple | cst.List)
        done = dotted(parts[2].value)
        ends = scene.notes.get((function, "done", done))
        again = sum(_assigns(each, done) for each in walk_body(function)) > 1
        first = updated.value.elements[2].value
        second: cst.BaseExpression = cst.Name("False")
        if ends:
            first = first if again else cst.Name(ends[0])
            second = cst.Name(ends[1])
        limit = "" if ends else " A time limit of its own belongs into the fourth, now False."
        scene.say(f"{STEP_GIVES}{limit}")
        comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        new = [cst.Element(each, comma=comma) for each in (first, second)]
        every = updated.value.elements
        return updated.with_changes(
            value=updated.value.with_changes(elements=[*every[:2], *new, every[3]])
        )


def _refuse_hidden(function: Function, scene: Scene) -> None:
    """Point at the `_step` and `_reset` of before Gym 0.9.6, which nothing calls any more."""
    own, name = _class(scene), function.name.value
    if own is None or name not in ("_step", "_reset", "_render", "_seed", "_close"):
        return
    if not _defines(own, name.removeprefix("_")):
        new = f"def {name.removeprefix('_')}({scene.code(function.params)}):"
        scene.say_by_hand("It is called without the underscore since Gym 0.9.6.", new, at=function)


def _assigns(node: cst.CSTNode, name: str) -> bool:
    """Whether a statement gives a name another value."""
    if isinstance(node, cst.AugAssign):
        return dotted(node.target) == name
    if isinstance(node, cst.AssignTarget):
        parts = elements(node.target)
        given = [node.target] if parts is None else [part.value for part in parts]
        return any(dotted(each) == name for each in given)
    return False


class Metadata(Idiom):
    """`metadata = {"render.modes": [...]}`."""

    name = "metadata"
    nodes = (cst.SimpleString,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The keys of today."""
        new = METADATA.get(literal(original) or "")
        if not new or not isinstance(scene.parent, cst.DictElement | cst.Index | cst.Arg):
            return updated
        assert isinstance(updated, cst.SimpleString)
        scene.say(f"The key is called {new} since Gym 0.26.")
        return quoted(updated, new)
