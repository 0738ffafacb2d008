"""Any spaces, nested as they may be: trained over, written down, read back, used and exported."""

import os
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import upright
from probes.any_spaces import AnySpaces, illustrated, nested, same
from support import needs_onnx
from upright.policy.onnx_export import inputs_of, write_onnx
from upright.policy.policy import Policy
from upright.settings.hyperparameters import SETTINGS

# A smaller example of the same takes minutes to find, and says no more.
FEW = settings(
    max_examples=int(os.environ.get("UPRIGHT_EXAMPLES", "8")),
    phases=[Phase.explicit, Phase.generate],
)
SMALL: dict[str, Any] = {
    "preset": "default",
    "total_timesteps": 48,
    "num_envs": 2,
    "num_steps": 12,
    "num_epochs": 2,
    "minibatch_size": 8,
    "hidden_sizes": [4],
    "network": "mlp",
    "normalize_obs": True,
    "until": "budget",
    "eval_episodes": 2,
    "media": False,
}


@FEW
@given(observations=illustrated, actions=nested, seed=st.integers(0, 2**31))
def test_any_spaces_are_trained_over_saved_loaded_and_used(
    observations: gym.Space[Any], actions: gym.Space[Any], seed: int
) -> None:
    def made() -> AnySpaces:
        return AnySpaces(deepcopy(observations), deepcopy(actions))

    observations.seed(seed)
    values = [observations.sample() for _ in range(5)]
    with tempfile.TemporaryDirectory() as out:
        run = upright.train(made, "ppo", seed=seed, out=out, **SMALL)
        cut = upright.train(made, "ppo", seed=seed, out=out, **SMALL | {"total_timesteps": 24})
        upright.resume(cut.path, env=made, total_timesteps=48)
        again = upright.load(cut.path, env=made)
        assert upright.verify(again).holds
        for name, array in run.policy.weights.items():
            np.testing.assert_array_equal(array, again.policy.weights[name], err_msg=name)
        for value in values:
            action, _ = again.policy.predict(value, deterministic=True)
            assert actions.contains(action)
            assert same(action, run.policy.predict(value, deterministic=True)[0])


@needs_onnx
@FEW
@given(observations=illustrated, actions=nested, seed=st.integers(0, 2**31))
def test_any_spaces_are_exported(
    observations: gym.Space[Any], actions: gym.Space[Any], seed: int
) -> None:
    import onnxruntime

    chosen = SETTINGS["ppo"](
        hidden_sizes=(4,), network="mlp", normalize_obs=True, initialization="uniform"
    )
    policy = Policy(observations, actions, chosen, seed)
    observations.seed(seed)
    values = [observations.sample() for _ in range(20)]
    rows = np.array([policy.observations.row(value) for value in values])
    if policy.normalizer is not None:
        policy.normalizer.update(policy.observations.numbers(rows))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "policy.onnx")
        write_onnx(policy, out, {})
        session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    numbers, pictures = policy.observations.numbers(rows), policy.observations.pictures_of(rows)
    parts = {f"picture_{index}": each for index, each in enumerate(pictures)}
    parts |= {"numbers": numbers, "obs": rows}
    asked = {name: parts[name].astype(kind) for name, (kind, _) in inputs_of(policy, False).items()}
    action, value = session.run(["action", "value"], asked)
    np.testing.assert_allclose(value, policy.values(rows), rtol=1e-5, atol=1e-5)
    for row, seen in zip(action, values, strict=True):
        given = policy.actions.value(row)
        assert actions.contains(given)
        expected = policy.predict(seen, deterministic=True)[0]
        np.testing.assert_allclose(row, policy.actions.row(expected), rtol=1e-4, atol=1e-4)
