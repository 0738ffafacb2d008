"""A policy as one ONNX file: observations in, actions and their probabilities out."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upright.envs import Column
from upright.ground import Array, UprightError, refuse_taken, sha256, write_new
from upright.policy.discrete import Categorical
from upright.policy.gaussian import DiagonalGaussian
from upright.policy.layers import Stack
from upright.policy.masking import FORBIDDEN
from upright.policy.networks import MLP
from upright.policy.policy import Policy
from upright.policy.weights import weights_bytes

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET, IR_VERSION = 18, 10
_INT64 = 7  # onnx.TensorProto.INT64


def write_onnx(
    policy: Policy, out: Path, metadata: Mapping[str, str], masked: bool = False
) -> None:
    """Write a policy as one ONNX file, its observation normaliser included.

    Input: `obs` [batch, ...], float32, rows as in `envs.Codec`. Outputs: `action`, the most
    probable one as the environment is given it, int64 [batch] in the space's own numbering (the
    first of equals) for Discrete, float32 [batch, ...] for Box; `probabilities` [batch, n] for
    Discrete; and `value` [batch] where there is a critic. A dense network is written layer by
    layer; a module of PyTorch goes through PyTorch's exporter. Where it is masked, a second input
    `action_mask`, bool [batch, n], says what is allowed; nothing else is taken, or probable.

    Args:
        policy: What to write.
        out: A new file.
        metadata: Goes into the model's `metadata_props`, with the SHA-256 of the weights.
        masked: Whether actions, which are of a Discrete then, can be forbidden.

    Raises:
        UprightError: `onnx` is not installed, the policy's actions are not Discrete, or the file
            is there already or cannot be written.
    """
    dense = isinstance(policy.network, MLP)
    needed = ("onnx",) if dense else ("onnx", "onnxscript")
    if any(find_spec(name) is None for name in needed):
        hint = "upright[onnx]" if dense else "upright[onnx]' 'onnxscript"
        raise UprightError("ONNX export needs an extra.", f"`pip install '{hint}'` adds it.")
    if not isinstance(policy.distribution, Categorical | DiagonalGaussian):
        raise UprightError(
            f"ONNX export does not support the action space {policy.action_space} yet.",
            "Supported: Discrete and Box.",
        )
    refuse_taken(out)
    counted = ["probabilities"] if isinstance(policy.distribution, Categorical) else []
    outputs = ["action", *counted, *(["value"] if policy.has_critic else [])]
    if dense:
        model = _dense_model(policy, outputs, masked)
    else:
        from upright.policy.torch_onnx import traced_model

        model = traced_model(policy, outputs, masked)
    digest = sha256(weights_bytes(policy.weights))
    for name, value in (dict(metadata) | {"weights_sha256": digest}).items():
        model.metadata_props.add(key=name, value=value)
    write_new(out, bytes(model.SerializeToString()))


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
            whole = graph.node("Sub", graph.node("Cast", part, to=_INT64), np.array(start))
            flat = graph.node("Squeeze", whole, np.array([1]))
            part = graph.node("OneHot", flat, np.array(n), np.array([0.0, 1.0], np.float32))
        parts.append(part)
    return graph.node("Concat", *parts, axis=1)


def _action(graph: _Graph, params: str, policy: Policy) -> None:
    """The most probable action, as the environment is given it, and what it is out of."""
    distribution = policy.distribution
    if isinstance(distribution, Categorical):
        best = graph.node("ArgMax", params, axis=1, keepdims=0, select_last_index=0)
        graph.node("Add", best, np.array(distribution.start), out="action")
        graph.node("Softmax", params, axis=1, out="probabilities")
        return
    assert isinstance(distribution, DiagonalGaussian)
    inside = graph.node("Tanh", params) if distribution.squash else params
    shape = np.array([-1, *distribution.shape])
    given = graph.node("Mul", graph.node("Reshape", inside, shape), distribution.half)
    given = graph.node("Add", given, distribution.centre)
    given = graph.node("Round", given) if distribution.whole else given
    low, high = (bound.astype(np.float32) for bound in (distribution.low, distribution.high))
    graph.node("Min", graph.node("Max", given, low), high, out="action")


def _dense_model(policy: Policy, outputs: list[str], masked: bool) -> Any:
    """The policy as a graph of ONNX's own operators."""
    from onnx import TensorProto, helper

    graph, network, codec = _Graph(), policy.network, policy.observations
    assert isinstance(network, MLP)
    x = graph.node("Reshape", "obs", np.array([-1, len(codec.columns)]))
    if policy.normalizer is not None:
        mean, deviation = policy.normalizer.moments()
        standard = graph.node("Div", graph.node("Sub", x, mean), deviation)
        clip = policy.normalizer.clip
        bounds = (np.array(bound, np.float32) for bound in (-clip, clip))
        x = graph.node("Where", policy.normalizer.counted, x, graph.node("Clip", standard, *bounds))
    if (network.torso.lookup or network.actor.lookup) is not None:
        x = _spread(graph, x, codec.columns)
    x = graph.stack(x, network.torso)
    params = graph.stack(x, network.actor)
    if masked:
        params = graph.node("Where", "action_mask", params, np.array(FORBIDDEN, np.float32))
    _action(graph, params, policy)
    if policy.has_critic:
        value = graph.node("Squeeze", graph.stack(x, network.critic), np.array([1]))
        graph.node("Mul", value, np.array(policy.value_scale, np.float32), out="value")
    shapes: dict[str, list[str | int]] = {
        "action": ["batch", *policy.distribution.shape],
        "probabilities": ["batch", network.num_params],
    }
    kinds = {"action": _INT64} if isinstance(policy.distribution, Categorical) else {}
    described = [
        helper.make_tensor_value_info(
            name, kinds.get(name, TensorProto.FLOAT), shapes.get(name, ["batch"])
        )
        for name in outputs
    ]
    inputs = [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["batch", *codec.shape])]
    if masked:
        shape: list[str | int] = ["batch", network.num_params]
        inputs.append(helper.make_tensor_value_info("action_mask", TensorProto.BOOL, shape))
    whole = helper.make_graph(graph.nodes, "policy", inputs, described, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        whole, producer_name="upright", opset_imports=opset, ir_version=IR_VERSION
    )
