"""Wrappers that are called otherwise today, above all Monitor."""

import libcst as cst

from upright.migration.knowledge import OF_WRAPPERS
from upright.migration.scene import Scene
from upright.migration.syntax import arguments, dotted, keyword, with_arguments
from upright.migration.uses import COUNT, VIDEO, is_monitor, is_without_video

# What Gymnasium calls them; their arguments are other ones where `ARGUMENTS` says so.
RENAMED = {
    "Monitor": VIDEO,
    "FrameStack": "FrameStackObservation",
    "GrayScaleObservation": "GrayscaleObservation",
    "PixelObservationWrapper": "AddRenderObservation",
    "AutoResetWrapper": "Autoreset",
}
ARGUMENTS = {
    "FrameStackObservation": {"num_stack": "stack_size", "lz4_compress": ""},
    "RecordEpisodeStatistics": {"deque_size": "buffer_length"},
}
# Of Monitor, in the order in which it took them.
MONITOR_TAKES = (
    "env", "directory", "video_callable", "force", "resume", "write_upon_reset", "uid", "mode",
)  # fmt: skip
BY_VIDEO = (
    'RecordVideo makes the videos, of an environment made with render_mode="rgb_array", by '
    "MoviePy (pip install 'gymnasium[other]')."
)
BY_COUNT = "RecordEpisodeStatistics counts returns and lengths where no videos are made."
RENAMED_PARTS = "What it takes is called otherwise today."


def renamed(full: str) -> str:
    """What a wrapper of gym's is called today, if it is called otherwise."""
    return RENAMED.get(full.rpartition(".")[2], "") if full.startswith(OF_WRAPPERS) else ""


def wrapped(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.wrappers.FrameStack(env, num_stack=4)`: the wrapper of today, with what it takes."""
    full = scene.known.full_name(original.func)
    if not full.startswith(OF_WRAPPERS) or is_monitor(full):
        return updated
    today = renamed(full)
    others = ARGUMENTS.get(today or full.rpartition(".")[2], {})
    if not today and not any(dotted(arg.keyword) in others for arg in updated.args):
        return updated
    scene.say(original, f"The wrapper is called {today} today." if today else RENAMED_PARTS)
    named = [(arg, others.get(dotted(arg.keyword))) for arg in updated.args]
    args = [
        arg if name is None else arg.with_changes(keyword=cst.Name(name))
        for arg, name in named
        if name != ""
    ]
    call = with_arguments(updated, args)
    return call.with_changes(func=_called(updated.func, full, today)) if today else call


def monitored(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """`gym.wrappers.Monitor(env, "videos", force=True)`: what records, or what counts."""
    full = scene.known.full_name(original.func)
    if not is_monitor(full):
        return updated
    today, why, needed = VIDEO, BY_VIDEO, ["env", "directory"]
    if is_without_video(original):
        today, why, needed = COUNT, BY_COUNT, ["env"]
    given = arguments(updated, MONITOR_TAKES)
    if given is None or not given.keys() >= set(needed):
        scene.say_by_hand(original, why, 'env = gym.wrappers.RecordVideo(env, "videos")')
        return updated
    args, trigger = [cst.Arg(given[name]) for name in needed], given.get("video_callable")
    if today == VIDEO and trigger is not None and dotted(trigger) != "None":
        args.append(keyword("episode_trigger", trigger))
    scene.say(original, why)
    return updated.with_changes(func=_called(updated.func, full, today), args=args)


def space_taken(original: cst.Call, updated: cst.Call, scene: Scene) -> cst.Call:
    """Two wrappers that want to know more than they did."""
    full, args = scene.known.full_name(original.func), updated.args
    if full == f"{OF_WRAPPERS}TransformObservation":
        if len(args) == 2 and not any(arg.star for arg in args):
            scene.say(
                original,
                "TransformObservation takes the space of what comes out; None is that of before.",
            )
            added = keyword("observation_space", cst.Name("None"))
            return with_arguments(updated, [*args, added])
    elif full == f"{OF_WRAPPERS}ResizeObservation":
        side = (arguments(updated, ("env", "shape")) or {}).get("shape")
        if isinstance(side, cst.Integer):
            scene.say(original, "ResizeObservation takes both sides.")
            both = cst.parse_expression(f"({side.value}, {side.value})")
            return cst.ensure_type(updated.deep_replace(side, both), cst.Call)
    return updated


def _called(func: cst.BaseExpression, full: str, today: str) -> cst.BaseExpression:
    """The name of today, in the module where the file has it from."""
    if not isinstance(func, cst.Attribute):
        return cst.Name(today)
    inner = func.value
    if isinstance(inner, cst.Attribute) and full.count(".") > 2:
        inner = inner.value  # Gymnasium has them all in gym.wrappers
    return func.with_changes(value=inner, attr=cst.Name(today))
