"""The CNN: what it is made of, that all of it learns, and that what is exported is the same."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from upright.ground.errors import UprightError
from upright.policy.networks import MLP
from upright.policy.onnx_export import inputs_of, write_onnx
from upright.policy.policy import Policy
from upright.policy.spaces import space_from_json, space_to_json
from upright.policy.torch_mlp import on_device
from upright.policy.torch_network import TorchNetwork
from upright.settings.hyperparameters import PPOSettings, ReinforceSettings

ROWS = 6


def picture(*shape: int) -> gym.Space[Any]:
    return gym.spaces.Box(0, 255, shape, np.uint8)


BESIDE = gym.spaces.Dict(
    camera=picture(8, 9, 3),
    gear=gym.spaces.Discrete(3, start=-1),
    map=picture(2, 9, 7),
    speed=gym.spaces.Box(-np.inf, np.inf, (2,)),
)
SPACES = [
    picture(7, 7, 3),
    picture(3, 3, 1),
    picture(8, 8),
    picture(3, 64, 48),
    picture(4, 36, 20, 3),
    BESIDE,
    gym.spaces.Tuple([picture(5, 4, 2)]),
]


def policy_over(space: gym.Space[Any], **settings: Any) -> Policy:
    return Policy(space, gym.spaces.Discrete(4), PPOSettings(**settings), 3)


def rows_of(policy: Policy) -> np.ndarray:
    """Rows of samples, which the normaliser, if there is one, has seen."""
    space = policy.observation_space
    space.seed(1)
    rows = np.array([policy.observations.row(space.sample()) for _ in range(ROWS)])
    if policy.normalizer is not None:
        policy.normalizer.update(policy.observations.numbers(rows) * 3.0 + 1.0)
    return rows


def module_of(policy: Policy) -> Any:
    assert isinstance(policy.network, TorchNetwork)
    return policy.network.module


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_every_weight_has_a_gradient_and_a_step_is_seen(
    space: gym.Space[Any], shared: bool
) -> None:
    policy = policy_over(space, shared_network=shared, hidden_sizes=(8,))
    rows, network = rows_of(policy), policy.network
    params, values = policy.forward(rows)
    assert (params.shape, values.shape) == ((ROWS, 4), (ROWS,))
    d_params = np.linspace(-1, 1, ROWS * 4, dtype=np.float32).reshape(ROWS, 4)
    policy.backward(d_params, np.linspace(1, 2, ROWS, dtype=np.float32))
    assert all(gradient.any() for gradient in network.gradients.values())
    network.flat -= 0.1 * network.grad
    network.written()
    after, valued = policy.forward(rows)
    assert (d_params * (after - params)).sum() < 0
    assert (valued < values).all()
    np.testing.assert_array_equal(policy.params(rows), after)


PLAIN = ((4, 0), (2, 0), (1, 0))  # stride and padding of the published kernels


@pytest.mark.parametrize("shape", [(36, 40, 3), (4, 40, 36), (2, 44, 36, 3)], ids=str)
def test_params_values_and_gradients_are_those_of_the_formulas_in_plain_pytorch(
    shape: tuple[int, ...],
) -> None:
    space = gym.spaces.Dict(eye=picture(*shape), speed=gym.spaces.Box(-9, 9, (2,)))
    policy = policy_over(space, hidden_sizes=(5,), initialization="uniform", value_scale=3.0)
    rows = rows_of(policy)
    weights = {name: torch.tensor(each) for name, each in policy.network.weights.items()}
    for each in weights.values():
        each.requires_grad_()

    def dense(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    (pixels,) = policy.observations.pictures_of(rows)
    if shape[-1] == 3:  # frames and channels, one after the other, before height and width
        pixels = np.moveaxis(pixels, -1, -3)
    x = torch.tensor(pixels.reshape(ROWS, -1, *pixels.shape[-2:]) / np.float32(255))
    for index, (stride, padding) in enumerate(PLAIN):
        kernel = (weights[f"eyes.0.layers.{2 * index}.{part}"] for part in ("weight", "bias"))
        x = torch.nn.functional.conv2d(x, *kernel, stride, padding).clamp(min=0)
    x = dense(x.flatten(1), "eyes.0.layers.7").clamp(min=0)
    x = torch.cat([x, torch.tensor(policy.observations.numbers(rows))], dim=1)
    expected = dense(dense(x, "actor.0").tanh(), "actor.2")
    valued = 3.0 * dense(dense(x, "critic.0").tanh(), "critic.2")[:, 0]

    params, values = policy.forward(rows)
    np.testing.assert_allclose(params, expected.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(values, valued.detach().numpy(), atol=1e-5)
    d_params = np.linspace(-1, 1, ROWS * 4, dtype=np.float32).reshape(ROWS, 4)
    d_values = np.linspace(1, -2, ROWS, dtype=np.float32)
    policy.backward(d_params, d_values)
    ((expected * torch.tensor(d_params)).sum() + (valued * torch.tensor(d_values)).sum()).backward()
    for name, each in weights.items():
        assert each.grad is not None
        np.testing.assert_allclose(
            policy.network.gradients[name], each.grad.numpy(), atol=1e-5, rtol=1e-4, err_msg=name
        )


def test_weights_beyond_any_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upright.policy.networks.memory_bytes", lambda: 40 * 10**6)
    policy_over(picture(20, 20, 3))
    with pytest.raises(UprightError, match=r"No policy can have these sizes: \d,\d+,\d+ weights"):
        policy_over(picture(84, 84, 3))


def test_without_a_critic_values_are_0_and_free_params_are_weights() -> None:
    settings = ReinforceSettings(log_std_init=-1.5)
    policy = Policy(picture(8, 8, 3), gym.spaces.Box(-1, 1, (2,)), settings, 0)
    params, values = policy.forward(rows_of(policy))
    np.testing.assert_array_equal(params[:, 2:], np.full((ROWS, 2), -1.5, np.float32))
    assert not values.any()


def test_first_weights_are_those_of_the_seed_orthogonal_and_the_actors_last_ones_small() -> None:
    policy, again = (policy_over(BESIDE) for _ in range(2))
    np.testing.assert_array_equal(policy.network.flat, again.network.flat)
    module = module_of(policy)
    for layer, gain in (
        (module.actor[-1], 0.01),
        (module.critic[-1], 1.0),
        (module.eyes[0].layers[2], 2**0.5),
    ):
        weight = layer.weight.detach().flatten(1)
        product = weight @ weight.T / gain**2
        torch.testing.assert_close(product, torch.eye(len(product)), atol=1e-4, rtol=0)
    assert all(not each.any() for name, each in policy.weights.items() if "bias" in name)
    other = policy_over(BESIDE, initialization="uniform")
    assert any(each.any() for name, each in other.weights.items() if "bias" in name)
    unbiased = policy_over(BESIDE, bias=False)
    assert not any("bias" in name for name in unbiased.weights)


@pytest.mark.parametrize("threads", [1, 2])
def test_first_weights_do_not_see_the_threads_and_lie_where_products_are_exact(
    threads: int,
) -> None:
    expected, before = policy_over(picture(64, 64, 3)).network.flat, torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        network = policy_over(picture(64, 64, 3)).network
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(network.flat, expected)
    assert [each.ctypes.data % 64 for each in (network.flat, network.grad)] == [0, 0]


def kernels(space: gym.Space[Any]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    layers = module_of(policy_over(space)).eyes[0].layers
    return [(each.kernel_size, each.stride) for each in layers if isinstance(each, torch.nn.Conv2d)]


def test_kernels_are_the_published_ones_where_they_fit_and_small_ones_where_they_do_not() -> None:
    published = [((8, 8), (4, 4)), ((4, 4), (2, 2)), ((3, 3), (1, 1))]
    assert kernels(picture(4, 84, 84)) == kernels(picture(36, 36, 3)) == published
    assert kernels(picture(4, 4, 3)) == [((3, 3), (1, 1))] * 3
    assert kernels(picture(20, 20, 3)) == [((3, 3), (2, 2))] * 3
    assert kernels(picture(84, 7, 3)) == [((8, 3), (4, 2)), ((4, 3), (2, 1)), ((3, 3), (1, 1))]
    layers = module_of(policy_over(picture(4, 84, 84))).eyes[0].layers
    assert layers[-2].in_features == 64 * 7 * 7


def test_channels_first_and_last_and_frames_side_by_side_are_the_same_picture() -> None:
    last, first = picture(9, 8, 3), picture(3, 9, 8)
    one, other = policy_over(last), policy_over(first)
    rows = rows_of(one)
    np.testing.assert_allclose(
        one.params(rows), other.params(np.ascontiguousarray(np.moveaxis(rows, -1, 1))), atol=1e-6
    )
    grey, stacked = policy_over(picture(4, 9, 8)), policy_over(picture(4, 9, 8, 1))
    rows = rows_of(grey)
    np.testing.assert_array_equal(grey.params(rows), stacked.params(rows[..., None]))


@pytest.mark.parametrize("network", ["cnn", "mlp"])
def test_a_look_at_many_pictures_is_taken_in_turns(
    monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    policy = policy_over(BESIDE, network=network)
    rows, met = rows_of(policy), []
    params, values = policy.params(rows), policy.values(rows)
    monkeypatch.setattr("upright.policy.networks.TOGETHER", 2 * rows[0].size)
    seen = policy._seen
    monkeypatch.setattr(policy, "_seen", lambda obs: (met.append(len(obs)), seen(obs))[1])
    np.testing.assert_allclose(policy.params(rows), params, atol=1e-7)
    np.testing.assert_allclose(policy.values(rows), values, atol=1e-5)
    assert met == ([2] * 3 if network == "mlp" else [ROWS]) * 2


def test_numbers_are_standardised_and_pictures_are_not() -> None:
    policy = policy_over(BESIDE, normalize_obs=True)
    rows = rows_of(policy)
    before = rows.copy()
    assert policy.normalizer is not None
    seen = policy._seen(rows)
    codec = policy.observations
    np.testing.assert_array_equal(codec.numbers(seen), policy.normalizer(codec.numbers(rows)))
    for one, other in zip(codec.pictures_of(seen), codec.pictures_of(rows), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(rows, before)
    assert policy_over(picture(8, 8, 3), normalize_obs=True).normalizer is None


@pytest.mark.long
@pytest.mark.parametrize("network", ["auto", "mlp"])
@pytest.mark.parametrize(
    ("space", "normalize_obs"), [(picture(7, 7, 3), False), (BESIDE, True)], ids=["alone", "beside"]
)
def test_the_module_and_the_onnx_file_say_what_the_policy_says(
    tmp_path: Path, space: gym.Space[Any], normalize_obs: bool, network: str
) -> None:
    policy = policy_over(space, network=network, normalize_obs=normalize_obs, value_scale=7.0)
    policy.network.flat += 0.01
    policy.network.written()
    rows = rows_of(policy)
    params, values = policy.forward(rows)
    with torch.no_grad():
        said, valued = policy.to_torch().eval()(torch.from_numpy(rows))
    np.testing.assert_allclose(said.numpy(), params, atol=1e-5)
    np.testing.assert_allclose(valued.numpy(), values, rtol=1e-4)
    if isinstance(policy.network, MLP):  # as on a device that is not the CPU
        policy.network = on_device(policy.network, "cpu")
        with torch.no_grad():
            elsewhere, _ = policy.to_torch().eval()(torch.from_numpy(rows))
        np.testing.assert_allclose(elsewhere.numpy(), params, atol=1e-5)
    if find_spec("onnxruntime") is None or find_spec("onnxscript") is None:
        pytest.skip("the extra 'onnx' is not installed")
    import onnxruntime

    write_onnx(policy, tmp_path / "policy.onnx", {})
    session = onnxruntime.InferenceSession(
        str(tmp_path / "policy.onnx"), providers=["CPUExecutionProvider"]
    )
    codec = policy.observations
    numbers = [codec.numbers(rows)] if codec.columns else []
    names = list(inputs_of(policy, False))
    assert [each.name for each in session.get_inputs()] == names
    assert [each.type for each in session.get_inputs()][-1] == "tensor(uint8)"
    shown = dict(zip(names, [*numbers, *codec.pictures_of(rows)], strict=True))
    for count in (1, ROWS):
        action, probabilities, value = session.run(
            None, {name: each[:count] for name, each in shown.items()}
        )
        expected = policy.distribution.probabilities(params)
        assert expected is not None
        np.testing.assert_allclose(probabilities, expected[:count], atol=1e-5)
        np.testing.assert_allclose(value, values[:count], rtol=1e-4)
        np.testing.assert_array_equal(action, params[:count].argmax(axis=1))


def test_mlp_takes_pixels_for_numbers_from_0_to_1_and_cnn_needs_a_picture() -> None:
    policy = policy_over(picture(8, 8), network="mlp")
    assert isinstance(policy.network, MLP)
    white = policy._seen(np.full((1, 8, 8), 255, np.uint8))
    np.testing.assert_array_equal(white, np.ones((1, 64), np.float32))
    assert isinstance(policy_over(gym.spaces.Discrete(3)).network, MLP)
    with pytest.raises(UprightError, match=r"no picture in Discrete\(3\) for a CNN") as caught:
        policy_over(gym.spaces.Discrete(3), network="cnn")
    assert "--network auto" in caught.value.hint


def test_a_module_of_ones_own_meets_a_picture_as_it_is_and_others_in_a_vector() -> None:
    met: list[torch.Tensor] = []

    class Own(torch.nn.Module):
        def __init__(self, space: gym.Space[Any], num_params: int) -> None:
            super().__init__()
            self.params = torch.nn.Parameter(torch.zeros(num_params))

        def forward(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            met.append(obs)
            return self.params.expand(len(obs), -1), torch.zeros(len(obs))

    for space in (picture(8, 9, 3), BESIDE):
        policy = Policy(space, gym.spaces.Discrete(2), PPOSettings(), 0, make_module=Own)
        policy.params(rows_of(policy))
    alone, beside = met
    assert (alone.shape, alone.dtype) == ((ROWS, 8, 9, 3), torch.uint8)
    assert (beside.shape, beside.dtype) == ((ROWS, 3 + 8 * 9 * 3 + 2 * 9 * 7), torch.float32)
    assert beside[:, 3:].max() <= 1.0


def test_without_pytorch_a_picture_is_refused_with_the_extras_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "upright.policy.torch_cnn", None)
    with pytest.raises(UprightError, match="A CNN for pictures needs PyTorch") as caught:
        policy_over(picture(8, 8, 3))
    assert "upright[torch]" in caught.value.hint
    assert "--network mlp does without" in caught.value.hint


def test_a_picture_is_recorded_in_a_line() -> None:
    for space in (picture(210, 160, 3), BESIDE):
        assert space_from_json(space_to_json(space)) == space
    assert len(str(space_to_json(picture(210, 160, 3)))) < 100
    with pytest.raises(UprightError, match="is not valid"):
        space_from_json(space_to_json(picture(8, 8, 3)) | {"shape": [2**20, 2**20, 3]})
