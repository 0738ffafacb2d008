"""An exported policy is the policy: same actions, probabilities and values, in another runtime."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from support import needs_onnx, same_weights, weights_of
from upright.envs.codec import Codec
from upright.envs.parts import leaves_of
from upright.ground.errors import UprightError
from upright.policy import onnx_export, torch_onnx
from upright.policy.onnx_export import write_onnx
from upright.policy.policy import Policy
from upright.policy.torch_mlp import TorchMLP
from upright.runs.export import export_onnx
from upright.runs.run import Run
from upright.settings.hyperparameters import SETTINGS


class Shape(NamedTuple):
    """What shapes a network, and the spaces around it."""

    env: str = "CartPole-v1"
    activation: str = "tanh"
    shared_network: bool = False
    normalize_obs: bool = False
    bias: bool = True
    critic: bool = True
    hidden_sizes: tuple[int, ...] = (64, 64)
    start: int = 0


# Every value of every choice, and the pairs that could disturb each other.
SHAPES = [
    Shape(),
    Shape("MountainCar-v0", "relu", False, True, False, True, (8,), 5),
    Shape("Acrobot-v1", "relu", True, True, True, True, (64, 64)),
    Shape("CartPole-v1", "tanh", True, False, True, False, (8,), -2),
    Shape("Acrobot-v1", "tanh", False, True, True, False, (), 5),
    Shape("MountainCar-v0", "relu", True, False, False, True, ()),
]


class Own(nn.Module):
    """A module as a user may write one, with a part that tells training from use."""

    def __init__(self, space: gym.Space[Any], num_params: int) -> None:
        super().__init__()
        (size,) = space.shape or ()
        self.body = nn.Sequential(nn.Linear(size, 16), nn.SiLU(), nn.Dropout(0.0))
        self.actor, self.critic = nn.Linear(16, num_params), nn.Linear(16, 1)

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(obs)
        return self.actor(features), self.critic(features)[:, 0]


def make_policy(
    shape: Shape, module: Callable[[Any, int], nn.Module] | None = None
) -> tuple[Policy, NDArray[np.float32]]:
    """A policy with weights of some size, and a thousand observations."""
    env = gym.make(shape.env)
    observations, actions = env.observation_space, env.action_space
    env.close()
    assert isinstance(actions, gym.spaces.Discrete)
    choices = {k: v for k, v in shape._asdict().items() if k not in ("env", "critic", "start")}
    settings = SETTINGS["reinforce"](
        **choices, baseline=shape.critic, initialization="uniform", value_scale=50.0
    )
    space = gym.spaces.Discrete(actions.n, start=shape.start)
    policy = Policy(observations, space, settings, 3, make_module=module)
    (size,) = observations.shape or ()
    obs = np.random.default_rng(0).normal(0.0, 2.0, (1000, size)).astype(np.float32)
    if policy.normalizer is not None:
        policy.normalizer.update(obs * 3.0 + 1.0)
    return policy, obs


def answers(path: Path) -> Callable[[NDArray[np.float32]], dict[str, NDArray[Any]]]:
    """What the file says of observations, by the name of the output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda obs: dict(zip(names, session.run(None, {"obs": obs}), strict=True))


def refuse_difference(
    policy: Policy, obs: NDArray[np.float32], critic: bool, out: Path, chatter: Any
) -> None:
    """Write a policy, and hold what its file answers against what it says."""
    before = weights_of(policy)
    write_onnx(policy, out, {"env": "some"})
    assert chatter.readouterr() == ("", "")
    assert [path.name for path in out.parent.iterdir()] == ["policy.onnx"]
    assert same_weights(weights_of(policy), before)

    ask = answers(out)
    for batch in (obs[:1], obs[1:8], obs):
        got = ask(batch)
        params, values = policy.forward(batch)
        probabilities = torch.softmax(torch.tensor(params), dim=-1).numpy()
        np.testing.assert_allclose(got["probabilities"], probabilities, rtol=0, atol=1e-5)
        assert ("value" in got) == critic
        if critic:
            np.testing.assert_allclose(got["value"], values, rtol=1e-5, atol=1e-5)
        # The runtimes add in another order, so the last bit may decide between equals.
        highest = np.sort(probabilities, axis=-1)
        clear = highest[:, -1] - highest[:, -2] > 1e-6
        actions, _ = policy.predict(batch, deterministic=True)
        assert got["action"].dtype == np.int64
        np.testing.assert_array_equal(got["action"][clear], actions[clear])
        assert clear.mean() > 0.99


@needs_onnx
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_file_answers_as_the_policy_does(
    shape: Shape, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    policy, obs = make_policy(shape)
    refuse_difference(policy, obs, shape.critic, tmp_path / "policy.onnx", capfd)


@needs_onnx
def test_the_file_of_a_module_of_ones_own_answers_as_the_policy_does(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    policy, obs = make_policy(Shape("Acrobot-v1", normalize_obs=True, start=-2), Own)
    refuse_difference(policy, obs, True, tmp_path / "policy.onnx", capfd)
    policy.network.module.train()
    write_onnx(policy, tmp_path / "again.onnx", {})
    assert policy.network.module.training
    policy.network.forward(obs)  # and it is still trained as before
    policy.network.backward(np.ones((1000, 3), np.float32), np.ones(1000, np.float32))
    assert all(gradient.any() for gradient in policy.network.gradients.values())


@needs_onnx
def test_of_exactly_equal_actions_it_takes_the_first_as_the_policy_does(tmp_path: Path) -> None:
    policy, obs = make_policy(Shape("MountainCar-v0", hidden_sizes=(8,), start=5))
    policy.network.flat[policy.network.spans["actor"]] = 0.0
    write_onnx(policy, tmp_path / "flat.onnx", {})
    assert set(answers(tmp_path / "flat.onnx")(obs)["action"].tolist()) == {5}
    assert set(policy.predict(obs, deterministic=True)[0].tolist()) == {5}


@needs_onnx
def test_a_runs_model_says_where_it_comes_from(run: Run, tmp_path: Path) -> None:
    import onnx

    out = tmp_path / "cartpole.onnx"
    export_onnx(run, out)
    model = onnx.load(out, load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    verdict = json.loads((run.path / "evaluation.json").read_text(encoding="utf-8"))
    assert {each.key: each.value for each in model.metadata_props} == {
        "env": "CartPole-v1",
        "algo": "ppo",
        "seed": "0",
        "timesteps": str(run.info["timesteps"]),
        "checkpoint": "best",
        "weights_sha256": verdict["weights_sha256"],
    }
    shapes = {
        each.name: [size.dim_param or size.dim_value for size in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.output)
    }
    batch = shapes["obs"][0]
    assert isinstance(batch, str)
    assert shapes == {
        "obs": [batch, 4],
        "action": [batch],
        "probabilities": [batch, 2],
        "value": [batch],
    }
    written = out.read_bytes()
    with pytest.raises(UprightError, match="exists already"):
        export_onnx(run, out)
    assert out.read_bytes() == written


@needs_onnx
def test_what_the_exporter_raises_gets_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operator")

    monkeypatch.setattr(torch_onnx.torch.onnx, "export", fails)
    with pytest.raises(RuntimeError, match="no such operator"):
        write_onnx(make_policy(Shape(), Own)[0], tmp_path / "policy.onnx", {})
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    with pytest.raises(UprightError, match=r"pip install 'upright\[onnx\]'"):
        write_onnx(make_policy(Shape())[0], tmp_path / "policy.onnx", {})
    assert list(tmp_path.iterdir()) == []


BOX = gym.spaces.Box(np.array([-2.0, 0.0], np.float32), np.array([1.0, np.inf], np.float32))
PAIRS: dict[str, tuple[gym.Space[Any], gym.Space[Any], dict[str, Any]]] = {
    "box": (gym.spaces.Box(-1, 1, (2, 2)), BOX, {"normalize_obs": True}),
    "squashed": (
        gym.spaces.MultiBinary(3),
        gym.spaces.Box(-2, 1, (2, 1)),
        {"squash_actions": True},
    ),
    "whole": (gym.spaces.Discrete(4, start=2), gym.spaces.Box(-2, 9, (1,), np.int32), {}),
    "counted": (
        gym.spaces.Dict(a=gym.spaces.Discrete(3), b=gym.spaces.Box(0, 255, (2,), np.uint8)),
        gym.spaces.Discrete(3),
        {"normalize_obs": True, "shared_network": True},
    ),
    "bits": (gym.spaces.Box(-1, 1, (3,)), gym.spaces.MultiBinary((2, 2)), {}),
    "parts": (
        gym.spaces.Box(-1, 1, (3,)),
        gym.spaces.Dict(
            z=gym.spaces.Tuple([BOX, gym.spaces.Discrete(3, start=-1)]),
            a=gym.spaces.MultiBinary(2),
            m=gym.spaces.MultiDiscrete([2, 3], start=[4, 0]),
            i=gym.spaces.Box(-3, 3, (1, 2), np.int32),
        ),
        {"normalize_obs": True},
    ),
    "parts that are measured": (
        gym.spaces.Box(-1, 1, (3,)),
        gym.spaces.Tuple([BOX, gym.spaces.Box(-2, 2, (1,))]),
        {},
    ),
}


def probabilities(policy: Policy, rows: NDArray[Any]) -> NDArray[np.float32] | None:
    """Of every value that is chosen from, as PyTorch's own distributions say them."""
    params, found = torch.tensor(policy.params(rows)), []
    for space in leaves_of(policy.action_space, policy.action_space):
        bits = isinstance(space, gym.spaces.MultiBinary)
        for column in Codec(space).columns:
            own, params = params.tensor_split([column.categories or 1], dim=1)
            if bits:
                found.append(torch.distributions.Bernoulli(logits=own).probs)
            elif column.categories:
                found.append(torch.distributions.Categorical(logits=own).probs)
    return torch.cat(found, 1).numpy() if found else None


@needs_onnx
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_the_file_takes_and_answers_rows_of_every_space(
    pair: str, own: bool, tmp_path: Path
) -> None:
    observations, actions, options = PAIRS[pair]
    settings = SETTINGS["ppo"](**options, hidden_sizes=(8,), initialization="uniform")

    def module(space: gym.Space[Any], num_params: int) -> nn.Module:
        like = Policy(observations, actions, settings, 3)
        return TorchMLP(like.network)  # type: ignore[arg-type]

    policy = Policy(observations, actions, settings, 3, make_module=module if own else None)
    observations.seed(0)
    values = [observations.sample() for _ in range(50)]
    rows = np.array([policy.observations.row(value) for value in values])
    if policy.normalizer is not None:
        policy.normalizer.update(rows)
    write_onnx(policy, tmp_path / "policy.onnx", {})
    got = answers(tmp_path / "policy.onnx")(rows.astype(np.float32))
    expected = [policy.predict(value, deterministic=True)[0] for value in values]
    wanted = np.array([policy.actions.row(value) for value in expected])
    assert got["action"].dtype == wanted.dtype
    np.testing.assert_allclose(got["action"], wanted, rtol=1e-5, atol=1e-5)
    assert all(actions.contains(policy.actions.value(row)) for row in got["action"])
    likely = probabilities(policy, rows)
    assert ("probabilities" in got) == (likely is not None)
    if likely is not None:
        np.testing.assert_allclose(got["probabilities"], likely, rtol=0, atol=1e-5)
    np.testing.assert_allclose(got["value"], policy.values(rows), rtol=1e-5, atol=1e-5)


# Actions, and where the flags of each of their numbers begin in a mask.
MASKED: dict[str, tuple[gym.Space[Any], list[int]]] = {
    "one": (gym.spaces.Discrete(3, start=4), [0]),
    "several": (gym.spaces.MultiDiscrete([3, 1, 4], start=[-1, 5, 0]), [0, 3, 4]),
    "in rows": (gym.spaces.MultiDiscrete([[3, 2], [2, 4]]), [0, 3, 5, 7]),
}


@needs_onnx
@pytest.mark.parametrize("module", [None, Own])
@pytest.mark.parametrize("kind", MASKED)
def test_a_masked_model_takes_what_its_second_input_allows(
    tmp_path: Path, kind: str, module: Callable[[Any, int], nn.Module] | None
) -> None:
    import onnxruntime

    actions, starts = MASKED[kind]
    settings = SETTINGS["ppo"](hidden_sizes=(8,), initialization="uniform")
    policy = Policy(gym.spaces.Box(-9, 9, (6,)), actions, settings, 3, make_module=module)
    rng = np.random.default_rng(1)
    obs = rng.normal(0.0, 2.0, (300, 6)).astype(np.float32)
    masks = rng.random((len(obs), policy.distribution.num_params)) < 0.5
    masks |= ~np.repeat(
        np.logical_or.reduceat(masks, starts, axis=1),
        np.diff([*starts, masks.shape[1]]),
        axis=1,
    )
    out = tmp_path / "policy.onnx"
    write_onnx(policy, out, {}, masked=True)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["obs", "action_mask"]
    for rows in (slice(0, 1), slice(None)):
        given = {"obs": obs[rows], "action_mask": masks[rows]}
        action, shares = session.run(["action", "probabilities"], given)
        expected, _ = policy.predict(obs[rows], deterministic=True, action_masks=masks[rows])
        np.testing.assert_array_equal(action, expected)
        assert action.dtype == np.int64
        assert all(actions.contains(each) for each in policy.actions.values(action))
        assert (shares[~masks[rows]] == 0.0).all()
        for start, end in zip(starts, [*starts[1:], shares.shape[1]], strict=True):
            own = policy.params(obs[rows], masks[rows])[:, start:end]
            likely = torch.softmax(torch.tensor(own), dim=-1).numpy()
            np.testing.assert_allclose(shares[:, start:end], likely, rtol=0, atol=1e-5)
