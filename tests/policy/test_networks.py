"""Networks: dense layers and their gradients against PyTorch's, first weights, statistics."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import nn

from support import make_policy, shapes
from upright.envs.parts import Column
from upright.policy.layers import MANY, Linear, Stack, tanh
from upright.policy.networks import FREE, MLP
from upright.policy.normalizer import RunningNormalizer
from upright.policy.torch_mlp import TorchMLP
from upright.policy.torch_network import TorchNetwork
from upright.settings.hyperparameters import PPOSettings


def made(sizes: Sequence[int], activation: str = "tanh", **options: Any) -> MLP:
    """A network whose actor has these sizes, with uniform weights; no critic unless asked for."""
    inputs, *hidden, outputs = sizes
    network = MLP(inputs, outputs, hidden, activation, **({"critic": False} | options))
    network.initialize("uniform", np.random.default_rng(0))
    return network


def stack_of(
    sizes: Sequence[int], activation: str, bias: bool, activate_last: bool
) -> tuple[Stack, nn.Sequential]:
    """A stack with weights and gradients of its own, and PyTorch's layers with the same weights."""
    layers: list[Linear] = []
    theirs: list[nn.Module] = []
    torch.manual_seed(0)
    for inputs, outputs in pairwise(sizes):
        layer = nn.Linear(inputs, outputs, bias)
        weight = layer.weight.detach().numpy().T.copy()
        offset = layer.bias.detach().numpy().copy() if bias else None
        gradients = np.empty_like(weight), np.empty(outputs, np.float32) if bias else None
        layers.append(Linear(weight, gradients[0], offset, gradients[1]))
        theirs += [layer, nn.Tanh() if activation == "tanh" else nn.ReLU()]
    reference = nn.Sequential(*(theirs if activate_last else theirs[:-1]))
    return Stack(layers, activation, activate_last), reference


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activate_last", [True, False])
def test_the_array_function_is_the_network(
    activation: str, bias: bool, activate_last: bool
) -> None:
    stack, reference = stack_of([4, 16, 8, 3], activation, bias, activate_last)
    x = noise(10, 4)
    expected = reference(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(stack.apply(x), expected, atol=1e-5)
    np.testing.assert_allclose(stack.forward(x), expected, atol=1e-5)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activate_last", [True, False])
def test_the_gradient_of_a_stack_is_autograds(
    activation: str, bias: bool, activate_last: bool
) -> None:
    stack, reference = stack_of([4, 16, 8, 3], activation, bias, activate_last)
    for rows in (10, 7, 12):  # the memory of the pass before is used again
        x, d = noise(rows, 4), noise(rows + 1, 3)[1:]
        leaf = torch.tensor(x, requires_grad=True)
        reference.zero_grad()
        reference(leaf).backward(torch.tensor(d))
        stack.forward(x)
        d_x = stack.backward(d.copy(), to_input=True)
        np.testing.assert_allclose(d_x, leaf.grad, rtol=1e-4, atol=1e-5)
        linear = [layer for layer in reference if isinstance(layer, nn.Linear)]
        for mine, theirs in zip(stack.layers, linear, strict=True):
            expected = theirs.weight.grad.T
            np.testing.assert_allclose(mine.d_weight, expected, rtol=1e-4, atol=1e-5)
            assert (mine.d_bias is None) == (theirs.bias is None) == (not bias)
            if bias:
                np.testing.assert_allclose(mine.d_bias, theirs.bias.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("critic", [True, False])
@pytest.mark.parametrize("free_params", [0, 2])
@pytest.mark.parametrize("hidden", [[], [8], [16, 6]], ids=str)
def test_the_gradient_of_a_network_is_autograds(
    shared: bool, critic: bool, free_params: int, hidden: list[int]
) -> None:
    ours = made([4, *hidden, 4], shared=shared, critic=critic, free_params=free_params)
    twin = made([4, *hidden, 4], shared=shared, critic=critic, free_params=free_params)
    theirs = TorchNetwork(TorchMLP(twin), 4, like=twin)
    obs, d_params, d_values = noise(10, 4), noise(11, 4)[1:], noise(12)[2:]
    for mine, other in zip(ours.forward(obs), theirs.forward(obs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    for network in (ours, theirs):
        network.backward(d_params, d_values)
    assert ours.grad.any()
    assert (FREE in ours.weights) == bool(free_params)
    for name, gradient in ours.gradients.items():
        expected = theirs.gradients[name]
        assert gradient.any()
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_backward_pass_leaves_what_it_is_given() -> None:
    network = made([4, 8, 2], critic=True, shared=True)
    obs, d_params, d_values = noise(5, 4), noise(5, 2), noise(5)
    copies = [array.copy() for array in (obs, d_params, d_values)]
    said = network.forward(obs)
    before = [array.copy() for array in said]
    network.backward(d_params, d_values)
    for array, copy in zip((obs, d_params, d_values, *said), copies + before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 16), (16, 4)])
def test_a_layer_is_the_affine_function_of_its_weight_and_bias(inputs: int, outputs: int) -> None:
    network = made([inputs, outputs])
    (layer,) = network.actor.layers
    x = noise(5, inputs)
    assert layer.weight.shape == (inputs, outputs)
    np.testing.assert_allclose(
        network.params(x), x @ layer.weight + layer.bias, rtol=1.3e-6, atol=1e-5
    )


def test_the_array_function_reads_the_weights_of_the_moment() -> None:
    network = made([4, 8, 2])
    apply, x = network.actor.apply, noise(5, 4)
    before = apply(x)
    network.flat *= 2.0
    expected = TorchMLP(network)(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(apply(x), expected, atol=1e-5)
    np.testing.assert_allclose(network.forward(x)[0], expected, atol=1e-5)
    assert not np.allclose(before, expected, atol=1e-2)


def test_layers_have_the_sizes_that_were_asked_for() -> None:
    network = made([4, 128, 2], "relu", bias=False)
    assert shapes(network.actor) == [(128, 4), (2, 128)]
    assert [layer.weight.size for layer in network.actor.layers] == [512, 256]
    assert all(layer.bias is None for layer in network.actor.layers)


def test_every_weight_and_its_gradient_is_one_place_of_the_flat_vectors() -> None:
    network = made([4, 8, 3], critic=True, shared=True, free_params=1)
    for flat, named in ((network.flat, network.weights), (network.grad, network.gradients)):
        flat[:] = np.arange(len(flat))
        assert np.concatenate([array.ravel() for array in named.values()]).tolist() == flat.tolist()
    parts = {name: network.flat[span] for name, span in network.spans.items()}
    assert sum(map(len, parts.values())) == len(network.flat)
    for name, array in network.weights.items():
        owner = "actor" if name == FREE else name.partition(".")[0]
        assert np.isin(array, parts[owner]).all()


def test_orthogonal_weights_are_orthogonal_with_their_gains() -> None:
    network = MLP(8, 4, [32])
    network.initialize("orthogonal", np.random.default_rng(0))
    first, last = (layer.weight.T for layer in network.actor.layers)
    np.testing.assert_allclose(first.T @ first, 2.0 * np.eye(8), atol=1e-4, rtol=0)
    np.testing.assert_allclose(last @ last.T, 1e-4 * np.eye(4), atol=1e-8, rtol=0)
    first, last = (layer.weight.T for layer in network.critic.layers)
    np.testing.assert_allclose(first.T @ first, 2.0 * np.eye(8), atol=1e-4, rtol=0)
    np.testing.assert_allclose(last @ last.T, np.eye(1), atol=1e-4, rtol=0)
    layers = (*network.actor.layers, *network.critic.layers)
    assert all(not layer.bias.any() for layer in layers)


def test_orthogonal_weights_have_no_direction_that_they_prefer() -> None:
    network, rng = MLP(3, 3, [], critic=False), np.random.default_rng(0)
    (layer,), drawn = network.actor.layers, []
    for _ in range(2000):
        network.initialize("orthogonal", rng)
        drawn.append(layer.weight / 0.01)
    # An entry of a random rotation of three numbers has mean 0 and variance 1 / 3.
    np.testing.assert_allclose(np.mean(drawn, axis=0), np.zeros((3, 3)), atol=0.05)
    np.testing.assert_allclose(np.var(drawn, axis=0), np.full((3, 3), 1 / 3), atol=0.03)


def test_uniform_weights_fill_their_bounds() -> None:
    for layer in made([16, 256, 64]).actor.layers:
        bound = layer.weight.shape[0] ** -0.5
        for parameter in (layer.weight, layer.bias):
            assert np.abs(parameter).max() <= bound
            assert parameter.max() > 0.9 * bound
            assert parameter.min() < -0.9 * bound


def test_uniform_weights_are_spread_as_torchs_own() -> None:
    torch.manual_seed(0)
    for inputs, outputs in ((16, 256), (256, 64)):
        theirs = nn.Linear(inputs, outputs)
        (layer,) = made([inputs, outputs]).actor.layers
        for mine, other in ((layer.weight, theirs.weight), (layer.bias, theirs.bias)):
            spread = float(other.detach().std())
            # A uniform sample's deviation scatters by 0.45 / sqrt(n) of itself.
            assert mine.std() == pytest.approx(spread, rel=2.0 * mine.size**-0.5)


def test_first_weights_depend_on_the_generator_and_on_nothing_else() -> None:
    def states() -> list[bytes]:
        (_, words, *place) = np.random.get_state()  # noqa: NPY002
        return [words.tobytes(), repr(place).encode(), torch.get_rng_state().numpy().tobytes()]

    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    one = made([4, 8, 2])
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    before = states()
    other = made([4, 8, 2])
    assert states() == before
    assert one.flat.tobytes() == other.flat.tobytes()
    other.initialize("uniform", np.random.default_rng(1))
    assert one.flat.tobytes() != other.flat.tobytes()


def test_the_normalizer_merges_batches_into_the_statistics_of_all_data() -> None:
    data = noise(100, 3) * np.float32([1.0, 10.0, 0.1]) + np.float32([5.0, -3.0, 100.0])
    normalizer = RunningNormalizer([Column()] * 3)
    for batch in np.split(data, np.cumsum([1, 9, 40])):
        normalizer.update(batch)
    whole = data.astype(np.float64)
    np.testing.assert_allclose(normalizer.mean, whole.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(normalizer.variance, whole.var(axis=0), rtol=1e-7)
    assert float(normalizer.count) == 100


def test_normalized_data_has_mean_0_and_deviation_1() -> None:
    data = noise(500, 3) * 7.0 + 2.0
    normalizer = RunningNormalizer([Column()] * 3)
    normalizer.update(data)
    standard = normalizer(data)
    np.testing.assert_allclose(standard.mean(axis=0), np.zeros(3), atol=1e-5, rtol=0)
    np.testing.assert_allclose(standard.std(axis=0), np.ones(3), rtol=1e-5)


def test_a_new_normalizer_changes_nothing_and_outliers_are_clipped() -> None:
    normalizer = RunningNormalizer([Column()] * 2)
    x = np.float32([[1.0, -3.0]])
    np.testing.assert_allclose(normalizer(x), x, rtol=1e-6)
    assert normalizer(np.float32([[1e6, -1e6]])).tolist() == [[10.0, -10.0]]


def test_the_normalizers_module_is_the_normalizer() -> None:
    settings = PPOSettings(normalize_obs=True, clip_obs=3.0)
    policy = make_policy(settings, gym.spaces.Box(-1, 1, (3,)))
    policy.normalizer.update(noise(50, 3) * 4.0 + 1.0)
    x = noise(20, 3) * 50.0
    module = policy.to_torch().normalizer
    np.testing.assert_allclose(module(torch.tensor(x)), policy.normalizer(x), atol=1e-5)
    assert np.abs(policy.normalizer(x)).max() == policy.normalizer.clip == 3.0


def test_a_constant_observation_is_normalized_to_0() -> None:
    normalizer = RunningNormalizer([Column()] * 1)
    normalizer.update(np.full((10, 1), 3.0, np.float32))
    assert normalizer(np.full((1, 1), 3.0, np.float32)).tolist() == [[0.0]]


@pytest.mark.parametrize("rows", [1, MANY // 4, MANY])
def test_tanh_is_numpys_to_the_last_place_of_one_and_never_warns(rows: int) -> None:
    x = np.random.default_rng(0).normal(scale=8.0, size=(rows, 4)).astype(np.float32)
    x[0] = [0.0, -1e30, 1e30, np.nan]
    expected = np.tanh(x.astype(np.float64))
    tanh(x)
    np.testing.assert_allclose(x, expected, rtol=0, atol=2e-7)
