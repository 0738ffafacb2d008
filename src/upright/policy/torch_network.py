"""The same network seam over a module of PyTorch, on the CPU or on CUDA; loaded when it is needed.

The weights and their gradient stay one flat NumPy vector each, so that Adam, checkpoints and files
are what they are for the `MLP`. On the CPU the module's parameters are views of it; on CUDA they
are copies that `written` renews. All that PyTorch is given lies where its own allocator puts it, at
multiples of 64 bytes: a product's last bit can see where its factors begin.
"""

import copy
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from upright.ground import Array, UprightError
from upright.policy.networks import MLP, Weights, portions, views

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
        if device != "cpu":
            _choose_repeatable_kernels()
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
            self.flat = _array(torch.cat([one.detach().ravel().cpu() for one in named.values()]))
            self.grad = _array(torch.zeros(self.flat.size))
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
            (said, torch.tensor(d, device=self.device))
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
        return np.concatenate([params for params, _ in self._looked_at(obs)])

    def values(self, obs: Array) -> Array:
        """As in `Network`."""
        return np.concatenate([values for _, values in self._looked_at(obs)])

    @torch.no_grad()
    def written(self) -> None:
        """Bring what was written into `flat`, or into a buffer, to the module."""
        for buffer, kept in self._buffers:
            buffer.copy_(torch.from_numpy(kept))
        if self.device != "cpu":
            for one, weight, _ in self._pairs:
                one.copy_(weight)

    def _looked_at(self, obs: Array) -> Iterator[tuple[Array, Array]]:
        """What it says of obs, portion by portion."""
        for portion in portions(obs):
            with torch.no_grad():
                params, values = self._call(self.module.eval(), portion)
            yield _array(params), _array(values)

    def _call(self, module: nn.Module, obs: Array) -> tuple[Tensor, Tensor]:
        said = module(torch.tensor(obs, device=self.device))
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


@contextmanager
def drawn_from(seed: int | None) -> Iterator[None]:
    """Around the drawing of a module's first weights: they depend on the seed alone.

    An orthogonal matrix's last bit sees the number of threads, which PyTorch, that may have been
    loaded just now, takes from the machine.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0 if seed is None else seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


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
    with drawn_from(seed):
        module = make(space, num_params)
    if not isinstance(module, nn.Module):
        raise UprightError(
            f"The policy's function returned an object of type {type(module).__name__}, no "
            "torch.nn.Module.",
            "It is called with the observation space and the number of parameters.",
        )
    return TorchNetwork(module, num_params, device)


def has_cuda() -> bool:
    """Whether PyTorch sees a GPU."""
    return torch.cuda.is_available()


def gpus() -> tuple[str, list[str]]:
    """What PyTorch was built for, such as "CUDA 12.8" (nothing: the CPU alone), and the GPUs."""
    versions = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    built_for = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    count = torch.cuda.device_count() if has_cuda() else 0
    return built_for, [torch.cuda.get_device_name(number) for number in range(count)]


def _choose_repeatable_kernels() -> None:
    """On a GPU: convolutions that give the same bits each time, and float32 in full."""
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False


def _array(tensor: Tensor) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())


def _as(array: Array, parameter: Tensor) -> Tensor:
    """The array as a tensor of the parameter's shape: itself, or the other way round."""
    tensor = torch.from_numpy(array)
    return tensor if tensor.shape == parameter.shape else tensor.t()
