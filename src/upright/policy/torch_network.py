"""The same network seam over a module of PyTorch, on the CPU or on CUDA; loaded when it is needed.

The weights and their gradient stay one flat NumPy vector each, so that Adam, checkpoints and files
are what they are for the `MLP`. On the CPU the module's parameters are views of it; on CUDA they
are copies that `written` renews.
"""

import copy
import zlib
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from upright.envs import Column
from upright.ground import Array, UprightError
from upright.policy.layers import Stack
from upright.policy.networks import FREE, MLP, Network, Weights, views
from upright.policy.normalizer import RunningNormalizer

SEEDING = 1024
ModuleFactory = Callable[[Any, int], nn.Module]


class TorchNetwork:
    """A module whose derivatives autograd takes, from d_params and d_values on.

    It learns in training mode and acts in evaluation mode: dropout and the like never act.

    Args:
        module: forward(obs [B, ...]) -> (params [B, P], values [B]), of float32.
        num_params: P.
        device: "cpu" or "cuda".
        like: A network whose flat vectors it shares; the module computes what that one does.

    Raises:
        UprightError: The module has no weights, or weights of another type than float32.
    """

    def __init__(
        self, module: nn.Module, num_params: int, device: str = "cpu", like: MLP | None = None
    ) -> None:
        self.module, self.device, self._num_params = module.to(device), device, num_params
        self._others = [] if device == "cpu" else [device]
        self._like = like
        named = dict(self.module.named_parameters())
        others = {name: one.dtype for name, one in named.items() if one.dtype != torch.float32}
        if not named or others:
            raise UprightError(
                f"The policy's module has {others or 'no weights'}.",
                "Upright trains weights of type float32.",
            )
        if like is None:
            shapes = {name: tuple(one.shape) for name, one in named.items()}
            self.flat = np.concatenate([_array(one).ravel() for one in named.values()])
            self.grad = np.zeros_like(self.flat)
            trained, self.gradients = views(self.flat, shapes), views(self.grad, shapes)
            self.spans = {}
        else:
            self.flat, self.grad, self.spans = like.flat, like.grad, like.spans
            trained, self.gradients = like.weights, like.gradients
        kept = {name: _array(one).copy() for name, one in self.module.named_buffers()}
        self._weights: Weights = trained | kept
        self._pairs = [
            (one, _as(trained[name], one), _as(self.gradients[name], one))
            for name, one in named.items()
        ]
        self._buffers = [(one, kept[name]) for name, one in self.module.named_buffers()]
        if device == "cpu":
            for one, weight, gradient in self._pairs:
                one.data, one.grad = weight, gradient
        self.written()

    def __deepcopy__(self, memo: dict[int, Any]) -> "TorchNetwork":
        """The same weights, its module's parameters views of vectors of its own."""
        module, like = copy.deepcopy(self.module), copy.deepcopy(self._like)
        return TorchNetwork(module, self._num_params, self.device, like)

    @property
    def torch_version(self) -> str:
        """PyTorch's version, and the kernels that it chooses."""
        kernels = torch.backends.cpu.get_cpu_capability()
        return f"{torch.__version__}, {kernels if self.device == 'cpu' else self.device}"

    @property
    def weights(self) -> Weights:
        """As in `Network`; with the module's buffers, as they are now."""
        for buffer, kept in self._buffers:
            kept[...] = _array(buffer)
        return self._weights

    def forward(self, obs: Array) -> tuple[Array, Array]:
        """As in `Network`."""
        with torch.enable_grad(), torch.random.fork_rng(devices=self._others):
            # What a module draws comes from its weights, so that a resumed run draws the same.
            torch.manual_seed(zlib.crc32(self.flat[:SEEDING].tobytes()))
            self._said = self._call(self.module.train(), obs)
        params, values = self._said
        return _array(params), _array(values)

    def backward(self, d_params: Array, d_values: Array) -> None:
        """As in `Network`; autograd goes the way of the module."""
        self.grad[:] = 0.0
        for one, _, gradient in self._pairs:
            if self.device != "cpu":
                one.grad = None
            elif one.grad is not gradient:
                one.grad = gradient
        ways = [
            (said, torch.as_tensor(d, device=self.device))
            for said, d in zip(self._said, (d_params, d_values), strict=True)
            if said.requires_grad
        ]
        torch.autograd.backward([said for said, _ in ways], [d for _, d in ways])
        if self.device != "cpu":
            for one, _, gradient in self._pairs:
                if one.grad is not None:
                    gradient.copy_(one.grad)

    def params(self, obs: Array) -> Array:
        """As in `Network`."""
        with torch.no_grad():
            return _array(self._call(self.module.eval(), obs)[0])

    def values(self, obs: Array) -> Array:
        """As in `Network`."""
        with torch.no_grad():
            return _array(self._call(self.module.eval(), obs)[1])

    @torch.no_grad()
    def written(self) -> None:
        """Bring what was written into `flat`, or into a buffer, to the module."""
        for buffer, kept in self._buffers:
            buffer.copy_(torch.from_numpy(kept))
        if self.device != "cpu":
            for one, weight, _ in self._pairs:
                one.copy_(weight)

    def _call(self, module: nn.Module, obs: Array) -> tuple[Tensor, Tensor]:
        said = module(torch.as_tensor(obs, device=self.device))
        shapes = (
            [tuple(getattr(one, "shape", ())) for one in said] if isinstance(said, tuple) else []
        )
        if shapes != [(len(obs), self._num_params), (len(obs),)]:
            raise UprightError(
                f"The policy's module returned {shapes or type(said).__name__}.",
                f"Its forward(obs) should return (params {[len(obs), self._num_params]}, values "
                f"{[len(obs)]}) for {len(obs)} observations.",
            )
        return cast(tuple[Tensor, Tensor], said)


class TorchMLP(nn.Module):
    """What an `MLP` computes, as a module of `nn.Linear`: obs [B, ...] -> (params, values)."""

    def __init__(self, mlp: MLP) -> None:
        super().__init__()
        lookup = mlp.actor.lookup or mlp.torso.lookup
        self.spread = None if lookup is None else _Spread(lookup.columns)
        self.torso, self.actor = _sequential(mlp.torso), _sequential(mlp.actor)
        self.critic = _sequential(mlp.critic) if mlp.critic.layers else None
        free = mlp.weights.get(FREE)
        self.free_params = None if free is None else nn.Parameter(torch.tensor(free))

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The parameters [B, P] and the critic's output [B]."""
        flat = _vectors(obs)
        spread = flat.to(torch.float32) if self.spread is None else self.spread(flat)
        features = self.torso(spread)
        params: Tensor = self.actor(features)
        if self.free_params is not None:
            params = torch.cat([params, self.free_params.expand(params.shape[0], -1)], dim=1)
        if self.critic is None:
            return params, features.new_zeros(features.shape[0])
        return params, self.critic(features)[:, 0]


class TorchPolicy(nn.Module):
    """A whole policy as a module: obs [B, ...] -> (params [B, P], values [B] in return units)."""

    def __init__(
        self, network: Network, normalizer: RunningNormalizer | None, value_scale: float
    ) -> None:
        super().__init__()
        if isinstance(network, MLP):
            self.network: nn.Module = TorchMLP(network)
        else:
            assert isinstance(network, TorchNetwork)
            self.network = copy.deepcopy(network.module).cpu()
        self.normalizer = None if normalizer is None else _Standard(normalizer)
        self.value_scale = value_scale

    def forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """The distribution's parameters and V(s)."""
        params, values = self.network(obs if self.normalizer is None else self.normalizer(obs))
        return params, values * self.value_scale


class _Spread(nn.Module):
    """What `Lookup` spares: each number that is one out of n as n numbers, of which one is 1."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = columns

    def forward(self, obs: Tensor) -> Tensor:
        numbers = obs.float()
        parts = [
            nn.functional.one_hot(obs[:, at].long() - start, n).float() if n else numbers[:, [at]]
            for at, (n, start) in enumerate(self._columns)
        ]
        return torch.cat(parts, dim=1)


class _Standard(nn.Module):
    """A `RunningNormalizer` that learns no more."""

    mean: Tensor
    deviation: Tensor
    counted: Tensor

    def __init__(self, normalizer: RunningNormalizer) -> None:
        super().__init__()
        mean, deviation = normalizer.moments()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
        self.register_buffer("counted", torch.from_numpy(normalizer.counted))
        self._clip, self._all_counted = normalizer.clip, bool(normalizer.counted.all())

    def forward(self, obs: Tensor) -> Tensor:
        if self._all_counted:
            return obs
        flat = _vectors(obs)
        standard = ((flat - self.mean) / self.deviation).clamp(-self._clip, self._clip)
        return torch.where(self.counted, flat, standard).reshape(obs.shape)


def _vectors(obs: Tensor) -> Tensor:
    """A vector for each observation, [B, D] of obs [B, ...]."""
    return obs[:, None] if obs.ndim == 1 else obs.flatten(1)


def _sequential(stack: Stack) -> nn.Sequential:
    """Layers of `nn.Linear` with the stack's weights, its activation between them."""
    activation, parts = (nn.Tanh if stack.activation == "tanh" else nn.ReLU), []
    for layer in stack.layers:
        inputs, outputs = layer.weight.shape
        linear = nn.Linear(inputs, outputs, bias=layer.bias is not None)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weight.T))
            if layer.bias is not None:
                linear.bias.copy_(torch.tensor(layer.bias))
        parts += [linear, activation()]
    return nn.Sequential(*(parts if stack.activate_last else parts[:-1]))


def module_network(
    make: ModuleFactory, space: Any, num_params: int, device: str, seed: int | None
) -> TorchNetwork:
    """A network around a module of the user's own.

    Args:
        make: Returns the module, for an observation space and the number of parameters P.
        space: The observation space.
        num_params: P.
        device: "cpu" or "cuda".
        seed: Of the module's first weights, which are drawn while it is made.

    Raises:
        UprightError: It is no module, or none with weights of float32.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0 if seed is None else seed)
        module = make(space, num_params)
    if not isinstance(module, nn.Module):
        raise UprightError(
            f"The policy's function returned a {type(module).__name__}, no torch.nn.Module.",
            "It is called with the observation space and the number of parameters.",
        )
    return TorchNetwork(module, num_params, device)


def on_device(mlp: MLP, device: str) -> TorchNetwork:
    """The same network, its arithmetic done elsewhere; it shares the flat vectors."""
    return TorchNetwork(TorchMLP(mlp), mlp.num_params, device, like=mlp)


def has_cuda() -> bool:
    """Whether PyTorch sees a GPU."""
    return torch.cuda.is_available()


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())


def _as(array: Array, parameter: Tensor) -> Tensor:
    """The array as a tensor of the parameter's shape: itself, or the other way round."""
    tensor = torch.from_numpy(array)
    return tensor if tensor.shape == parameter.shape else tensor.t()
