"""Ids that Gymnasium no longer has, or has a newer version of."""

import libcst as cst

from upright.migration import registry
from upright.migration.kinds import MAKE, VECTOR_MAKE
from upright.migration.scene import Scene
from upright.migration.syntax import keyword, keywords, literal, quoted, small, with_arguments

# Functions whose first argument is an id.
NAMING = (*MAKE, "gym.spec", "gym.envs.spec", VECTOR_MAKE, "gym.make_vec")
OTHERS_NAMING = (".make_vec_env", ".make_atari_env")
BY_ATARI = "Atari's games are ALE's: ALE/Pong-v5, with what the old id stood for as arguments."
# Where a string gets a name, or is held against one.
NAMED = (cst.Assign, cst.AnnAssign, cst.Param, cst.Element, cst.DictElement)
COMPARISONS = (cst.Comparison, cst.ComparisonTarget)


def id_named(
    original: cst.SimpleString, updated: cst.SimpleString, scene: Scene
) -> cst.SimpleString:
    """`gym.make("CartPole-v0")`, `ENV = "CartPole-v0"`: the newest that Gymnasium itself has."""
    env_id, made = literal(original), _taker(original, scene) in NAMING
    if not env_id or not scene.known.speaks_gym or not (made or _is_id(original, scene)):
        return updated
    today = registry.newer(env_id)
    if today is not None:
        why = f"Today's {today.env_id} takes the place of {env_id}{today.difference}."
        scene.say(original, why)
        return quoted(updated, today.env_id)
    if made:
        _say_where_it_went(original, env_id, scene)
    elif not isinstance(scene.parent(original), cst.Arg):
        _say_of_a_game(original, env_id, scene)
    return updated


def _taker(string: cst.SimpleString, scene: Scene) -> str:
    """The full name of the function that a string is handed to; nothing where it is not."""
    place = scene.parent(string)
    call = scene.parent(place) if isinstance(place, cst.Arg) else None
    return scene.known.full_name(call.func) if isinstance(call, cst.Call) else ""


def _is_id(string: cst.SimpleString, scene: Scene) -> bool:
    """Whether a string stands where ids stand: by a name, or first of what is known to take one."""
    place = scene.parent(string)
    if not isinstance(place, cst.Arg):
        return isinstance(place, (*NAMED, *COMPARISONS))
    if place.keyword is not None:
        return True
    call = scene.parent(place)
    first = isinstance(call, cst.Call) and call.args[0] is place
    return first and _taker(string, scene).endswith(OTHERS_NAMING)


def _say_where_it_went(string: cst.SimpleString, env_id: str, scene: Scene) -> None:
    """Say of an environment that is made where it is, if it is none of Gymnasium's own."""
    robot, home = registry.robot_of(env_id), registry.home_of(env_id)
    if robot:
        scene.say_by_hand(string, f"Gymnasium's own robot is {robot}.", f'gym.make("{robot}")')
    elif home:
        why = f"Gymnasium has no {env_id}: it went to {home}."
        scene.say_by_hand(string, why, f"pip install {home.split(',')[0]}")


def _say_of_a_game(string: cst.SimpleString, env_id: str, scene: Scene) -> None:
    """Say of an id of Atari's that it is known once its package is imported."""
    game = registry.game_of(env_id)
    if game and "ale_py" not in scene.known.names:
        given = ", ".join(f"{name}={value}" for name, value in game[1].items())
        why = f"Once ale_py is imported this id is known; today's id is {game[0]}, with {given}."
        if scene.uses.first_import is not None:
            scene.say(string, why)
        else:
            scene.say_by_hand(string, why, "import ale_py")


def game_made(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.make("PongNoFrameskip-v4")`: the game of ALE's."""
    if scene.known.full_name(original.func) not in NAMING or not original.args:
        return updated
    first = updated.args[0]
    game = registry.game_of(literal(original.args[0].value) or "")
    if game is None or not isinstance(first.value, cst.SimpleString):
        return updated
    env_id, given = game
    if keywords(original).keys() & {"*", "**", *given}:
        scene.say_by_hand(original, BY_ATARI, f'gym.make("{env_id}", ...)')
        return updated
    scene.say(original, BY_ATARI)
    named = first.with_changes(value=quoted(first.value, env_id))
    call = updated.with_changes(args=[named, *updated.args[1:]])
    added = [keyword(name, cst.parse_expression(value)) for name, value in given.items()]
    return with_arguments(call, [*call.args, *added])


def game_registered(original: cst.CSTNode, updated: cst.CSTNode, scene: Scene) -> cst.CSTNode:
    """The import that registers Atari's games, behind the first one of gym."""
    uses = scene.uses
    if uses.plays_games and uses.first_import is original and "ale_py" not in scene.known.names:
        scene.say(original, "Importing ale_py registers Atari's games.")
        scene.following[original].append(small("import ale_py"))
    return updated
