"""Spaces, distributions over actions, networks, and the policy that they make, with its weights."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.policy.catalogue import find_environments
    from upright.policy.devices import choose_device, torch_part
    from upright.policy.distribution import Distribution, Evaluated
    from upright.policy.fit import refuse_misfit
    from upright.policy.gaussian import DiagonalGaussian
    from upright.policy.layers import Stack
    from upright.policy.networks import MLP, Weights
    from upright.policy.normalizer import RunningNormalizer
    from upright.policy.onnx_export import write_onnx
    from upright.policy.own import Own, called
    from upright.policy.policy import Policy
    from upright.policy.spaces import space_from_json, space_to_json
    from upright.policy.torch_network import ModuleFactory
    from upright.policy.weights import load_weights, parse_weights, weights_bytes

__getattr__, __dir__, __all__ = opened(__name__)
