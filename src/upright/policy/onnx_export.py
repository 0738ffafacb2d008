"""A policy as one ONNX file: observations in, actions and their probabilities out."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upright.ground import Array, UprightError, refuse_taken, sha256, write_new
from upright.policy.distributions import Categorical
from upright.policy.layers import Stack
from upright.policy.networks import MLP
from upright.policy.policy import Policy
from upright.policy.weights import weights_bytes

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET, IR_VERSION = 18, 10


def write_onnx(policy: Policy, out: Path, metadata: Mapping[str, str]) -> None:
    """Write a policy as one ONNX file, its observation normaliser included.

    Input: `obs` [batch, size], float32. Outputs: `action` [batch], int64, the most probable one in
    the space's own numbering (the first of equals); `probabilities` [batch, n]; and `value` [batch]
    where there is a critic. A dense network is written layer by layer; a module of PyTorch goes
    through PyTorch's exporter.

    Args:
        policy: What to write.
        out: A new file.
        metadata: Goes into the model's `metadata_props`, with the SHA-256 of the weights.

    Raises:
        UprightError: `onnx` is not installed, the policy's actions are not Discrete, or the file
            is there already or cannot be written.
    """
    dense = isinstance(policy.network, MLP)
    needed = ("onnx",) if dense else ("onnx", "onnxscript")
    if any(find_spec(name) is None for name in needed):
        hint = "upright[onnx]" if dense else "upright[onnx]' 'onnxscript"
        raise UprightError("ONNX export needs an extra.", f"`pip install '{hint}'` adds it.")
    if not isinstance(policy.distribution, Categorical):
        raise UprightError(
            f"ONNX export does not support the action space {policy.action_space} yet.",
            "Supported: Discrete.",
        )
    refuse_taken(out)
    start = policy.distribution.start
    outputs = ["action", "probabilities", *(["value"] if policy.has_critic else [])]
    if dense:
        model = _dense_model(policy, start, outputs)
    else:
        from upright.policy.torch_onnx import traced_model

        model = traced_model(policy, start, outputs)
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


def _dense_model(policy: Policy, start: int, outputs: list[str]) -> Any:
    """The policy as a graph of ONNX's own operators."""
    from onnx import TensorProto, helper

    graph, x, network = _Graph(), "obs", policy.network
    assert isinstance(network, MLP)
    if policy.normalizer is not None:
        mean, deviation = policy.normalizer.moments()
        standard = graph.node("Div", graph.node("Sub", x, mean), deviation)
        clip = policy.normalizer.CLIP
        x = graph.node("Clip", standard, np.array(-clip, np.float32), np.array(clip, np.float32))
    x = graph.stack(x, network.torso)
    params = graph.stack(x, network.actor)
    best = graph.node("ArgMax", params, axis=1, keepdims=0, select_last_index=0)
    graph.node("Add", best, np.array(start), out="action")
    graph.node("Softmax", params, axis=1, out="probabilities")
    if policy.has_critic:
        value = graph.node("Squeeze", graph.stack(x, network.critic), np.array([1]))
        graph.node("Mul", value, np.array(policy.value_scale, np.float32), out="value")
    kinds = {"action": TensorProto.INT64}
    shapes: dict[str, list[str | int]] = {"probabilities": ["batch", network.num_params]}
    described = [
        helper.make_tensor_value_info(
            name, kinds.get(name, TensorProto.FLOAT), shapes.get(name, ["batch"])
        )
        for name in outputs
    ]
    size = policy.observation_space.shape
    obs = helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["batch", *(size or ())])
    whole = helper.make_graph(graph.nodes, "policy", [obs], described, graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        whole, producer_name="upright", opset_imports=opset, ir_version=IR_VERSION
    )
