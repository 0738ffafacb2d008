"""One offline HTML file in which a trained policy acts and a visitor can push what it balances.

A simulator is a JavaScript file in `web/` that does what Gymnasium's environment does; where there
is none, the page shows a replay instead. Nothing in the page asks the network for anything.
"""

import base64
import html
import json
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from upright.envs import evaluation_env, is_gymnasiums_own, make_env
from upright.ground import Array, UprightError, write_new
from upright.policy import MLP, DiagonalGaussian, Policy, RunningNormalizer, Stack
from upright.runs import Run
from upright.show.html import asset, data_uri, digest_source, on_a_page
from upright.show.pages.words import shown, told
from upright.show.video import MOST_STEPS, replay

# Environment id -> the file that simulates it.
SIMULATED: dict[str, str] = {
    "CartPole-v1": "cartpole.js",
    "MountainCar-v0": "mountaincar.js",
    "Acrobot-v1": "acrobot.js",
    "Pendulum-v1": "pendulum.js",
}
# What every simulator needs before it, and after it.
BEFORE, AFTER = ("policy.js", "session.js", "drawing.js"), ("controls.js", "playground.js")
# A page that holds more of them, twice, is slow to open.
MOST_WEIGHTS = 1_000_000
TITLES = {"reinforce": "REINFORCE", "actor-critic": "actor-critic", "ppo": "PPO"}


def is_simulated(run: Run) -> bool:
    """Whether the run's page holds a simulator; where not, `playground` wants a replay.

    Raises:
        UprightError: The run's spaces or settings cannot be read.
    """
    recipe, record = run.recipe, run.record
    name, bare = recipe.judged_in, evaluation_env(recipe) == recipe.judged_in
    if record.env_is_factory or record.env != recipe.env or not bare:
        return False
    if name not in SIMULATED or not is_gymnasiums_own(name):
        return False
    env = make_env(name)
    spaces = (env.observation_space, env.action_space)
    env.close()
    policy = run.outline()
    if not isinstance(policy.network, MLP) or policy.network.flat.size > MOST_WEIGHTS:
        return False
    return spaces == (policy.observation_space, policy.action_space)


def write_playground(run: Run, out: Path) -> Path:
    """Write the page in which the policy can be pushed, or a replay where nothing simulates it.

    Raises:
        UprightError: The run has no policy, cannot be drawn, or the file cannot be written.
    """
    video = None if is_simulated(run) else replay(run, MOST_STEPS).data
    write_new(out, playground(run, video))
    return out


def playground(run: Run, replay: bytes | None = None) -> str:
    """The complete HTML of the run's page.

    Args:
        run: What to show.
        replay: An episode as MP4; shown where the environment has no simulator.

    Raises:
        UprightError: The run cannot be read, or a replay is needed and there is none.
    """
    name = run.recipe.judged_in
    data: dict[str, Any] = {"simulator": None}
    scripts: tuple[str, ...] = ()
    if is_simulated(run):
        policies = {"trained": run.policy, "untrained": run.policy_at(0)}
        activation = run.recipe.settings.activation
        data["simulator"] = name
        data["policies"] = {key: policy_data(each, activation) for key, each in policies.items()}
        scripts = (*BEFORE, SIMULATED[name], *AFTER)
        exact = run.policy.return_unit is not None
        unit = f"discounted return{'' if exact else ' of rewards as it learned from them'}"
        stage = Template(asset("simulation.html")).substitute(unit=unit)
    elif replay is None:
        raise UprightError(f"{name} has no simulator for the browser: give a replay.")
    else:
        stage = Template(asset("replay.html")).substitute(source=data_uri("video/mp4", replay))
    script = "\n".join(map(asset, scripts))
    style = asset("playground.css")
    verdict, headline, sentence = told(run)
    return Template(asset("playground.html")).substitute(
        env=on_a_page(name),
        origin=on_a_page(_origin(run)),
        mark="solved" if verdict and verdict.solved else "open",
        verdict=on_a_page(f"{headline}: {sentence}"),
        settings="".join(
            f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(shown(value))}</dd></div>"
            for key, value in run.recipe.flat().items()
        ),
        policy=html.escape(_content_security_policy(script, style)),
        stage=stage,
        style=style,
        script=script,
        data=_json(data),
    )


def policy_data(policy: Policy, activation: str) -> dict[str, Any]:
    """A policy as JSON values: what `makePolicy` in web/policy.js takes.

    Weights are base64 of little-endian float32, one row of a layer's matrix for each output.

    Args:
        policy: Over a Discrete space, or a Box of one number.
        activation: Of its hidden layers, "tanh" or "relu".
    """
    network = policy.network
    assert isinstance(network, MLP)
    return {
        "activation": activation,
        "normalizer": None if policy.normalizer is None else _normalizer(policy.normalizer),
        "torso": _layers(network.torso),
        "actor": _layers(network.actor),
        "critic": _layers(network.critic) if policy.has_critic else None,
        "gaussian": _gaussian(policy),
        "value_scale": policy.value_scale * (policy.return_unit or 1.0),
    }


def _gaussian(policy: Policy) -> dict[str, Any] | None:
    """What of an action that is a number the actor's output does not say; None for one of n."""
    distribution = policy.distribution
    if not isinstance(distribution, DiagonalGaussian):
        return None
    _, log_std = policy.params(np.zeros((1, *policy.observations.shape), np.float32))[0]
    return {
        "log_std": float(log_std),  # the same for every observation
        "centre": distribution.centre.item(),
        "half": distribution.half.item(),
        "low": distribution.low.item(),
        "high": distribution.high.item(),
        "squash": distribution.squash,
    }


def _layers(stack: Stack) -> list[dict[str, Any]]:
    return [
        {
            "inputs": layer.weight.shape[0],
            "outputs": layer.weight.shape[1],
            "weight": _base64(layer.weight.T),
            "bias": None if layer.bias is None else _base64(layer.bias),
        }
        for layer in stack.layers
    ]


def _normalizer(normalizer: RunningNormalizer) -> dict[str, Any]:
    return {
        "mean": _base64(normalizer.mean),
        "deviation": _base64(np.sqrt(normalizer.variance + 1e-8)),
        "clip": normalizer.clip,
    }


@np.errstate(over="ignore")  # what is beyond 32 bits is infinite, there too
def _base64(array: Array) -> str:
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def _content_security_policy(script: str, style: str) -> str:
    """No network, and of scripts and styles only these, whatever a run's texts may hold."""
    return (
        f"default-src 'none'; script-src {digest_source(script)}; "
        f"style-src {digest_source(style)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _json(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _origin(run: Run) -> str:
    timesteps = run.record.timesteps
    trained = "" if timesteps is None else f", {timesteps:,} timesteps"
    return f"Trained with {TITLES[run.recipe.algo]}, seed {run.recipe.seed}{trained}"
