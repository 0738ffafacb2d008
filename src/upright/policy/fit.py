"""Whether a policy can act in an environment."""

from upright.envs import Codec
from upright.ground import UprightError, in_a_line
from upright.policy.policy import Policy


def refuse_misfit(policy: Policy, name: str, observations: Codec, actions: Codec) -> None:
    """Refuse an environment of other spaces than a policy's.

    Args:
        policy: Who would act.
        name: What the environment is called.
        observations: What it shows; other bounds of the same numbers will do.
        actions: What it takes.

    Raises:
        UprightError: They are others.
    """
    if observations.fits(policy.observations) and actions.space == policy.action_space:
        return
    own = f"{policy.observation_space} and {policy.action_space}"
    its = f"{observations.space} and {actions.space}"
    raise UprightError(
        in_a_line(f"The policy is for {own}; {name} has {its}."),
        "It can only act where the spaces are those of its training.",
    )
