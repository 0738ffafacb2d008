"""What is to be shown: a run's policy, or random actions in an environment."""

from pathlib import Path

from upright.envs import is_code, spec_of
from upright.ground import UprightError, printable, shortened
from upright.runs import RUN_FILE, Run
from upright.show.playing.pace import Show, action_names
from upright.show.playing.player import Player

SHOWN_LETTERS = 200


def names_a_run(what: str) -> bool:
    """Whether it is to be opened as a run: it is one, or a path that names nothing else.

    Raises:
        UprightError: It is neither a path nor an environment.
    """
    path = Path(what)
    try:
        there, holds = path.exists(), path.is_file() or (path / RUN_FILE).exists()
    except (OSError, ValueError):
        there = holds = False
    if holds or is_code(what):
        return holds
    try:
        spec_of(what)
    except UprightError as error:
        if there:
            return True
        hint = error.hint if error.hint.startswith("Did you mean") else ""
        raise UprightError(
            f"There is neither a run nor an environment '{what}'.",
            hint or "`upright runs` lists the runs, `upright envs` the environments.",
        ) from error
    return False


def policy_of(
    run: Run,
    checkpoint: str = "best",
    *,
    random_actions: bool = False,
    seed: int = 0,
    deterministic: bool = True,
    episodes: int | None = None,
    speed: float = 1.0,
) -> Show:
    """A run's policy, or random actions in its environment.

    Args:
        run: The run.
        checkpoint: As in `Run.policy_at`.
        random_actions: Whether every action is drawn, and no policy asked.
        seed: Where the episodes' seeds, and all drawn actions, derive from.
        deterministic: The most probable action instead of a drawn one.
        episodes: How many; None never ends.
        speed: 1 is the environment's own.

    Raises:
        UprightError: The run has no such policy, or the environment cannot be drawn.
    """
    policy = None if random_actions else run.policy_at(checkpoint)
    ends = {"first": 0, "last": -1}
    if checkpoint in ends:
        checkpoint = str(run.checkpoints()[ends[checkpoint]])
    label = "best policy" if checkpoint == "best" else f"step {int(checkpoint):,}"
    player = Player(
        run.env,
        policy,
        seed=seed,
        deterministic=deterministic,
        label="at random" if policy is None else label,
    )
    env = run.record.env
    names = () if policy is None else action_names(env, policy.action_space)
    return Show(player, _title(env), names, episodes, speed)


def at_random(env: str, seed: int, episodes: int | None, speed: float = 1.0) -> Show:
    """Random actions in an environment."""
    player = Player(env, None, seed=seed, label="at random")
    return Show(player, _title(env), (), episodes, speed)


def _title(env: str) -> str:
    return printable(shortened(env, SHOWN_LETTERS))
