"""A policy as one ONNX file: observations in, actions and their probabilities out."""

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upright.envs import Column
from upright.ground import Array, UprightError, refuse_taken, sha256, write_new
from upright.policy.discrete import Bernoulli, Categorical
from upright.policy.distribution import Distribution
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.joint import pieces
from upright.policy.layers import Stack
from upright.policy.masking import FORBIDDEN
from upright.policy.networks import MLP
from upright.policy.policy import PIXEL, Policy
from upright.policy.weights import weights_bytes

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET, IR_VERSION = 18, 10


def write_onnx(
    policy: Policy, out: Path, metadata: Mapping[str, str], masked: bool = False
) -> None:
    """Write a policy as one ONNX file, its observation normaliser included.

    Input: `obs` [batch, ...], float32, rows as in `envs.Codec`; uint8 where it is a picture. Where
    pictures are beside numbers the inputs are `numbers` [batch, n], float32, and `picture_0`,
    `picture_1` and so on, uint8. Outputs: `action`, the most probable one as the environment is
    given it, a row as in `envs.Codec`: int64 [batch] in the space's own numbering (the first of
    equals) for Discrete, so too [batch, ...] for MultiDiscrete, int8 [batch, ...] for MultiBinary,
    float32 [batch, ...] for Box, and float32 [batch, n], the numbers of its parts one after the
    other, for Tuple and Dict; `probabilities` [batch, n], of every value of every number that is
    counted and of 1 for every number of a MultiBinary, in order, where there are such; and `value`
    [batch] where there is a critic. A dense network is written layer by layer; a CNN and a module
    of PyTorch go through PyTorch's exporter. Where it is masked, a last input `action_mask`, bool
    [batch, n] as `probabilities`, says what is allowed; nothing else is taken, or probable.

    Args:
        policy: What to write.
        out: A new file.
        metadata: Goes into the model's `metadata_props`, with the SHA-256 of the weights.
        masked: Whether actions, which are counted then, can be forbidden.

    Raises:
        UprightError: `onnx` is not installed, or the file is there already or cannot be written.
    """
    dense = isinstance(policy.network, MLP)
    needed = ("onnx",) if dense else ("onnx", "onnxscript")
    if any(find_spec(name) is None for name in needed):
        hint = "upright[onnx]" if dense else "upright[onnx]' 'onnxscript"
        raise UprightError("ONNX export needs an extra.", f"`pip install '{hint}'` adds it.")
    refuse_taken(out)
    outputs: dict[str, tuple[int, ...]] = {"action": policy.actions.shape}
    if choices := sum(
        part.num_params
        for part in pieces(policy.distribution)
        if not isinstance(part, DiagonalGaussian)
    ):
        outputs["probabilities"] = (choices,)
    if policy.has_critic:
        outputs["value"] = ()
    if dense:
        model = _dense_model(policy, outputs, masked)
    else:
        from upright.policy.torch_onnx import traced_model

        model = traced_model(policy, [*outputs], inputs_of(policy, masked))
    digest = sha256(weights_bytes(policy.weights))
    for name, value in (dict(metadata) | {"weights_sha256": digest}).items():
        model.metadata_props.add(key=name, value=value)
    write_new(out, bytes(model.SerializeToString()))


def inputs_of(policy: Policy, masked: bool) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """The inputs of a model by name: each one's type, and its shape without the batch."""
    codec = policy.observations
    inputs: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {}
    if not codec.pictures or not codec.is_composite:
        inputs["obs"] = (np.uint8 if codec.pictures else np.float32), codec.shape
    else:
        if codec.columns:
            inputs["numbers"] = np.float32, (len(codec.columns),)
        for index, shape in enumerate(codec.pictures):
            inputs[f"picture_{index}"] = np.uint8, shape
    if masked:
        inputs["action_mask"] = np.bool_, (policy.distribution.num_params,)
    return inputs


def _type_of(kind: Any) -> int:
    """ONNX's own number for a type of NumPy's."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


class _Graph:
    """Nodes one after the other, each named after what it makes."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def node(self, operation: str, *inputs: "str | Array", out: str = "", **options: Any) -> str:
        """One operation on named results and on arrays; the name of its result."""
        from onnx import helper, numpy_helper

        names = []
        for value in inputs:
            if not isinstance(value, str):
                name = f"constant_{len(self.constants)}"
                array = np.ascontiguousarray(value).reshape(np.shape(value))
                self.constants.append(numpy_helper.from_array(array, name))
                value = name
            names.append(value)
        out = out or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [out], **options))
        return out

    def cast(self, x: str, kind: Any) -> str:
        """The same numbers in another type."""
        return self.node("Cast", x, to=_type_of(kind))

    def stack(self, x: str, stack: Stack) -> str:
        """The layers of a stack."""
        for index, layer in enumerate(stack.layers):
            x = self.node("MatMul", x, layer.weight)
            if layer.bias is not None:
                x = self.node("Add", x, layer.bias)
            if index < len(stack.layers) - 1 or stack.activate_last:
                x = self.node({"tanh": "Tanh", "relu": "Relu"}[stack.activation], x)
        return x


def _spread(graph: _Graph, x: str, columns: Sequence[Column]) -> str:
    """Each number that is one out of n as n numbers, of which one is 1."""
    parts = []
    for index, (n, start) in enumerate(columns):
        part = graph.node("Slice", x, *(np.array([at]) for at in (index, index + 1, 1)))
        if n:
            whole = graph.node("Sub", graph.cast(part, np.int64), np.array(start))
            flat = graph.node("Squeeze", whole, np.array([1]))
            part = graph.node("OneHot", flat, np.array(n), np.array([0.0, 1.0], np.float32))
        parts.append(part)
    return graph.node("Concat", *parts, axis=1)


def _action(graph: _Graph, params: str, policy: Policy) -> None:
    """The most probable action's row, and the probabilities of what is chosen from."""
    taken, shares, end = [], [], 0
    for part in pieces(policy.distribution):
        end, start = end + part.num_params - part.free_params, end
        own = graph.node("Slice", params, *(np.array([at]) for at in (start, end, 1)))
        numbers, share = _piece(graph, own, part)
        taken.append(graph.cast(numbers, policy.actions.dtype))
        shares += share
    shape = np.array([-1, *policy.actions.shape])
    graph.node("Reshape", graph.node("Concat", *taken, axis=1), shape, out="action")
    if shares:
        graph.node("Concat", *shares, axis=1, out="probabilities")


def _piece(graph: _Graph, params: str, part: Distribution) -> tuple[str, list[str]]:
    """The most probable numbers [batch, n] of a part without parts, and its probabilities."""
    if isinstance(part, Categorical):
        best = graph.node("ArgMax", params, axis=1, keepdims=1, select_last_index=0)
        taken = graph.node("Add", best, np.array(part.start))
        return taken, [graph.node("Softmax", params, axis=1)]
    if isinstance(part, Bernoulli):
        ones = graph.node("Greater", params, np.array(0.0, np.float32))
        return ones, [graph.node("Sigmoid", params)]
    assert isinstance(part, DiagonalGaussian)
    inside = graph.node("Tanh", params) if part.squash else params
    given = graph.node("Mul", inside, part.half.ravel())
    given = graph.node("Add", given, part.centre.ravel())
    given = graph.node("Round", given) if part.whole else given
    low, high = (bound.astype(np.float32).ravel() for bound in (part.low, part.high))
    return graph.node("Min", graph.node("Max", given, low), high), []


def _seen(graph: _Graph, policy: Policy) -> str:
    """The vector that the network meets: the numbers, standardised, and then the pixels."""
    parts = []
    for name, (kind, shape) in inputs_of(policy, False).items():
        x = graph.node("Reshape", name, np.array([-1, math.prod(shape)]))
        if kind is np.uint8:
            parts.append(graph.node("Div", graph.cast(x, np.float32), np.array(PIXEL)))
        else:
            parts.append(_standard(graph, x, policy))
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)


def _standard(graph: _Graph, x: str, policy: Policy) -> str:
    """The numbers as the normaliser, if there is one, makes them."""
    if policy.normalizer is not None:
        mean, deviation = policy.normalizer.moments()
        standard = graph.node("Div", graph.node("Sub", x, mean), deviation)
        clip = policy.normalizer.clip
        bounds = (np.array(bound, np.float32) for bound in (-clip, clip))
        x = graph.node("Where", policy.normalizer.counted, x, graph.node("Clip", standard, *bounds))
    return x


def _dense_model(policy: Policy, outputs: Mapping[str, tuple[int, ...]], masked: bool) -> Any:
    """The policy as a graph of ONNX's own operators."""
    from onnx import helper

    graph, network = _Graph(), policy.network
    assert isinstance(network, MLP)
    x = _seen(graph, policy)
    lookup = network.torso.lookup or network.actor.lookup
    if lookup is not None:
        x = _spread(graph, x, lookup.columns)
    x = graph.stack(x, network.torso)
    params = graph.stack(x, network.actor)
    if masked:
        params = graph.node("Where", "action_mask", params, np.array(FORBIDDEN, np.float32))
    _action(graph, params, policy)
    if policy.has_critic:
        value = graph.node("Squeeze", graph.stack(x, network.critic), np.array([1]))
        graph.node("Mul", value, np.array(policy.value_scale, np.float32), out="value")
    kinds = {"action": policy.actions.dtype}
    described = [
        helper.make_tensor_value_info(
            name, _type_of(kinds.get(name, np.float32)), ["batch", *shape]
        )
        for name, shape in outputs.items()
    ]
    inputs = [
        helper.make_tensor_value_info(name, _type_of(kind), ["batch", *shape])
        for name, (kind, shape) in inputs_of(policy, masked).items()
    ]
    whole = helper.make_graph(graph.nodes, "policy", inputs, described, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        whole, producer_name="upright", opset_imports=opset, ir_version=IR_VERSION
    )
