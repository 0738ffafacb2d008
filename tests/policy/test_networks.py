"""Networks: the array twin equals the tensor one, first weights, running statistics."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from support import out_by_in, shapes
from upright.ground.errors import UprightError
from upright.policy.networks import MLP, initialize, observation_size
from upright.policy.normalizer import RunningNormalizer


def made(sizes: list[int], activation: str = "tanh", how: str = "uniform", **options: bool) -> MLP:
    network = MLP(sizes, activation, **options)
    initialize(network, how, 1.0, torch.Generator().manual_seed(0))
    return network


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activate_last", [True, False])
def test_the_array_function_is_the_network(
    activation: str, bias: bool, activate_last: bool
) -> None:
    network = made([4, 16, 8, 3], activation, bias=bias, activate_last=activate_last)
    x = noise(10, 4)
    expected = network(x).detach().numpy()
    np.testing.assert_allclose(network.array_function()(x.numpy()), expected, atol=1e-5)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 16), (16, 4)])
def test_a_layer_is_the_affine_function_of_its_weight_and_bias(inputs: int, outputs: int) -> None:
    network = made([inputs, outputs])
    (layer,) = network.linear_layers()
    x = noise(5, inputs)
    weight = out_by_in(layer, layer.weight)
    torch.testing.assert_close(network(x), x @ weight.T + layer.bias)


def test_the_array_function_reads_the_weights_of_the_moment() -> None:
    network = made([4, 8, 2])
    apply, x = network.array_function(), noise(5, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.0)
    np.testing.assert_allclose(apply(x.numpy()), network(x).detach().numpy(), atol=1e-5)


def test_layers_have_the_sizes_that_were_asked_for() -> None:
    network = made([4, 128, 2], "relu", bias=False)
    assert shapes(network) == [(128, 4), (2, 128)]
    assert [layer.weight.numel() for layer in network.linear_layers()] == [512, 256]
    assert all(layer.bias is None for layer in network.linear_layers())


def test_orthogonal_weights_are_orthogonal_with_their_gains() -> None:
    network = MLP([8, 32, 4], "tanh")
    initialize(network, "orthogonal", 0.01, torch.Generator().manual_seed(0))
    first, last = (out_by_in(layer, layer.weight.detach()) for layer in network.linear_layers())
    torch.testing.assert_close(first.T @ first, 2.0 * torch.eye(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(last @ last.T, 1e-4 * torch.eye(4), atol=1e-8, rtol=0)
    assert all(bool((layer.bias == 0).all()) for layer in network.linear_layers())


def test_uniform_weights_fill_their_bounds() -> None:
    for layer in made([16, 256, 64]).linear_layers():
        bound = layer.in_features**-0.5
        for parameter in (layer.weight.detach(), layer.bias.detach()):
            assert float(parameter.abs().max()) <= bound
            assert float(parameter.max()) > 0.9 * bound
            assert float(parameter.min()) < -0.9 * bound


def test_first_weights_depend_on_the_generator_and_on_nothing_else() -> None:
    torch.manual_seed(0)
    one = made([4, 8, 2])
    torch.manual_seed(1)
    state = torch.get_rng_state()
    other = made([4, 8, 2])
    assert torch.equal(torch.get_rng_state(), state)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_normalizer_merges_batches_into_the_statistics_of_all_data() -> None:
    data = noise(100, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([5.0, -3.0, 100.0])
    normalizer = RunningNormalizer(3)
    for batch in torch.split(data, [1, 9, 40, 50]):
        normalizer.update(batch)
    whole = data.double()
    torch.testing.assert_close(normalizer.mean, whole.mean(dim=0))
    torch.testing.assert_close(normalizer.variance, whole.var(dim=0, correction=0))
    assert float(normalizer.count) == 100


def test_normalized_data_has_mean_0_and_deviation_1() -> None:
    data = noise(500, 3) * 7.0 + 2.0
    normalizer = RunningNormalizer(3)
    normalizer.update(data)
    standard = normalizer(data)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(3))


def test_a_new_normalizer_changes_nothing_and_outliers_are_clipped() -> None:
    normalizer = RunningNormalizer(2)
    x = torch.tensor([[1.0, -3.0]])
    torch.testing.assert_close(normalizer(x), x)
    assert normalizer(torch.tensor([[1e6, -1e6]])).tolist() == [[10.0, -10.0]]


def test_the_normalizers_array_function_is_the_normalizer() -> None:
    normalizer = RunningNormalizer(3)
    normalizer.update(noise(50, 3) * 4.0 + 1.0)
    x = noise(20, 3) * 50.0
    np.testing.assert_allclose(
        normalizer.array_function()(x.numpy()), normalizer(x).numpy(), atol=1e-5
    )


def test_a_constant_observation_is_normalized_to_0() -> None:
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.full((10, 1), 3.0))
    assert normalizer(torch.full((1, 1), 3.0)).tolist() == [[0.0]]


def test_the_observation_size_is_that_of_a_vector() -> None:
    assert observation_size(gym.spaces.Box(-1, 1, (7,))) == 7


@pytest.mark.parametrize(
    "space",
    [gym.spaces.Box(0, 1, (2, 2)), gym.spaces.Box(0, 1, (0,)), gym.spaces.Discrete(16)],
    ids=str,
)
def test_another_observation_space_is_refused_with_what_is_supported(space: gym.Space) -> None:
    with pytest.raises(UprightError, match="not supported yet") as caught:
        observation_size(space)
    assert "Box with one dimension" in caught.value.hint
