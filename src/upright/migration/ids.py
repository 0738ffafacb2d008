"""Ids that Gymnasium no longer has, or has a newer version of."""

import libcst as cst

from upright.migration import registry
from upright.migration.idiom import Idiom
from upright.migration.kinds import MAKE
from upright.migration.scene import Scene
from upright.migration.syntax import dotted, keyword, literal, quoted, small, with_argument

# Functions whose first argument is an id.
NAMING = (*MAKE, "gym.spec", "gym.envs.spec", "gym.vector.make", "gym.make_vec")
BY_ATARI = "Atari's games are ALE's: ALE/Pong-v5, with what the old id stood for as arguments."


class Ids(Idiom):
    """`gym.make("CartPole-v0")`, `ENV = "CartPole-v0"`."""

    name = "id"
    nodes = (cst.SimpleString,)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The newest version that Gymnasium's own registry has."""
        env_id = literal(original)
        if not env_id or not scene.known.speaks_gym or not _names_one(scene):
            return updated
        today = registry.newer(env_id)
        if today is None:
            _elsewhere(env_id, scene)
            return updated
        scene.say(f"Today's {today.env_id} takes the place of {env_id}{today.difference}.")
        assert isinstance(updated, cst.SimpleString)
        return quoted(updated, today.env_id)


def _names_one(scene: Scene) -> bool:
    """Whether a string stands where ids stand: in make, or where a name gets its value."""
    if not isinstance(scene.parent, cst.Arg):
        kinds = (cst.Assign, cst.AnnAssign, cst.Param, cst.ComparisonTarget, cst.Comparison)
        return isinstance(scene.parent, (*kinds, cst.Element, cst.DictElement))
    call = scene.parents[-2]
    named = isinstance(call, cst.Call) and scene.known.full_name(call.func) in NAMING
    return named or scene.parent.keyword is not None or _takes_ids(call, scene)


def _takes_ids(call: cst.CSTNode, scene: Scene) -> bool:
    """Whether a function has it from elsewhere that an id is its first argument."""
    if not isinstance(call, cst.Call) or not call.args or call.args[0] is not scene.parent:
        return False
    return scene.known.full_name(call.func).endswith((".make_vec_env", ".make_atari_env"))


def _elsewhere(env_id: str, scene: Scene) -> None:
    """Say where an id went that is none of Gymnasium's own."""
    call = scene.parents[-2] if isinstance(scene.parent, cst.Arg) else None
    made = isinstance(call, cst.Call) and scene.known.full_name(call.func) in NAMING
    if not made and isinstance(call, cst.Call):
        return
    game, home = registry.game_of(env_id), registry.home_of(env_id)
    robot = registry.robot_of(env_id)
    if game and not made and "ale_py" not in scene.known.names:
        given = ", ".join(f"{name}={value}" for name, value in game[1].items())
        today = f"today's id is {game[0]}, with {given}"
        known = scene.uses.has_import
        new = None if known else "import ale_py"
        scene.say(f"Once ale_py is imported this id is known; {today}.", new, done=known)
    elif robot and made:
        scene.say_by_hand(f"Gymnasium's own robot is {robot}.", f'gym.make("{robot}")')
    elif home and made:
        scene.say_by_hand(
            f"Gymnasium has no {env_id}: it went to {home}.", f"pip install {home.split(',')[0]}"
        )


class Games(Idiom):
    """`gym.make("PongNoFrameskip-v4")`."""

    name = "atari"
    nodes = (cst.Call, cst.Import, cst.ImportFrom)

    def leave(self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
        """The game of ALE's, and the import that registers it."""
        if isinstance(original, cst.Import | cst.ImportFrom):
            return self._with_import(original, updated, scene)
        assert isinstance(original, cst.Call)
        assert isinstance(updated, cst.Call)
        game = _game(original, scene)
        if game is None:
            return updated
        (env_id, given), first = game, updated.args[0]
        taken = {dotted(arg.keyword) for arg in original.args} | {arg.star for arg in original.args}
        if taken & {"**", "*", *given}:
            scene.say_by_hand(BY_ATARI, f'gym.make("{env_id}", ...)')
            return updated
        scene.say(BY_ATARI)
        assert isinstance(first.value, cst.SimpleString)
        named = first.with_changes(value=quoted(first.value, env_id))
        call = updated.with_changes(args=[named, *updated.args[1:]])
        for name, value in given.items():
            call = with_argument(call, keyword(name, cst.parse_expression(value)))
        return call

    def _with_import(
        self, original: cst.CSTNode, updated: cst.CSTNode, scene: Scene
    ) -> cst.CSTNode:
        """Behind the first import of gym."""
        if not scene.uses.plays_games or "ale_py" in scene.known.names:
            return updated
        if scene.uses.first_import is original:
            scene.say("Importing ale_py registers Atari's games.")
            scene.follow(original, small("import ale_py"))
        return updated


def _game(call: cst.Call, scene: Scene) -> tuple[str, dict[str, str]] | None:
    if scene.known.full_name(call.func) not in NAMING or not call.args:
        return None
    env_id = literal(call.args[0].value)
    return registry.game_of(env_id) if env_id else None
