"""Action masks: which actions an environment allows next, as it says them, read and checked.

A mask is a row of flags [P]: one for each value of a Discrete, from its first on; of a
MultiDiscrete the flags of its numbers, one number after the other. P is also the number of the
policy's logits.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.ground import Array, Bools, UprightError, in_a_line, raised, shortened

Mask = Literal["auto", "off"]
MASK = "action_mask"
METHOD = "action_masks"
HINT = "Mend its action masks; --mask off trains without them."


class MaskError(UprightError):
    """An environment's action masks will not do."""


class MaskReader:
    """Reads the masks of one environment: `info["action_mask"]`, else its method `action_masks()`.

    The first reset decides whether there are any.

    Args:
        env: The environment.
        called: What it is called where its masks will not do.
        choice: "auto", or "off": there are none, whatever it says.

    Attributes:
        mask: What is allowed next, [P]; None where the environment says nothing of it.
    """

    def __init__(self, env: gym.Env[Any, Any], called: str, choice: Mask = "auto") -> None:
        self._env, self._called, self._is_off = env, called, choice == "off"
        self._has_method = env.has_wrapper_attr(METHOD)
        self._gives: bool | None = None
        self.mask: Bools | None = None

    def after_reset(self, info: Any) -> None:
        """Read the mask of an episode's first observation.

        Raises:
            MaskError: It is none that these actions can have, or not every reset gives one.
        """
        found = None if self._is_off else self._found(info)
        gives = found is not None
        if self._gives not in (None, gives):
            unlike = f"no info[{MASK!r}], and" if self._gives else f"an info[{MASK!r}], unlike"
            raise self._fault(f"reset() returned {unlike} the reset before {'one' * self._gives}")
        self._gives = gives
        self.mask = None if found is None else self._row(found)

    def after_step(self, info: Any, is_over: bool) -> None:
        """Read the mask of a later one; none is needed where the episode is over.

        Raises:
            MaskError: As `after_reset`; or it is the first one, or there is none any more.
        """
        if self._is_off:
            return
        if self.mask is None:
            if has_mask(info):
                raise self._fault(f"step() returned an info[{MASK!r}], and reset() none")
        elif is_over:
            self.mask = self._layout.anything
        else:
            found = self._found(info)
            if found is None:
                raise self._fault(f"step() returned no info[{MASK!r}], and reset() one")
            self.mask = self._row(found)

    def _found(self, info: Any) -> Any:
        if has_mask(info):
            return info[MASK]
        if not self._has_method:
            return None
        try:
            return self._env.get_wrapper_attr(METHOD)()
        except (Exception, SystemExit) as error:
            raise self._fault(f"{METHOD}() raised {raised(error)}") from error

    def _row(self, found: Any) -> Bools:
        try:
            return self._layout.row(found)
        except ValueError as error:
            raise self._fault(str(error)) from error

    def _fault(self, what: str) -> MaskError:
        return MaskError(f"{self._called}: {shortened(in_a_line(what), 200)}.", HINT)

    @cached_property
    def _layout(self) -> "MaskLayout":
        return MaskLayout(Codec(self._env.action_space))


class MaskLayout:
    """What a mask of some actions looks like.

    Args:
        actions: The actions.

    Attributes:
        anything: The mask that forbids nothing, [P]; it cannot be written to.
    """

    def __init__(self, actions: Codec) -> None:
        self._space = actions.space
        self._counts = [column.categories for column in actions.columns]
        self._starts = np.cumsum([0, *self._counts[:-1]])
        self.anything: Bools = np.ones(sum(self._counts), np.bool_)
        self.anything.flags.writeable = False

    def row(self, mask: Any) -> Bools:
        """A mask as flags [P].

        Args:
            mask: An array [P]; or a tuple or list with an array for each number of a MultiDiscrete,
                nested as `MultiDiscrete.sample` takes it.

        Raises:
            ValueError: These actions have no masks, or it has another shape, holds something else
                than 0 and 1, or forbids everything; in words.
        """
        parts = list(_arrays(mask))
        if len(parts) > 1:
            if [part.shape for part in parts] != [(count,) for count in self._counts]:
                shapes = ", ".join(str(part.shape) for part in parts)
                raise ValueError(f"its action mask has parts of shapes {shapes}{self._needed}")
            parts = [np.concatenate(parts)]
        flags: Bools = self.rows(parts[0][None])[0]
        return flags

    def rows(self, masks: Array) -> Bools:
        """N masks [N, P], as flags.

        Raises:
            ValueError: As `row`.
        """
        if not isinstance(self._space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
            raise ValueError(
                "it gives action masks, which are for Discrete and MultiDiscrete actions, and its "
                f"own are {self._space}"
            )
        if masks.shape[1:] != self.anything.shape:
            raise ValueError(f"its action mask has the shape {masks.shape[1:]}{self._needed}")
        flags = masks.astype(np.bool_) if masks.dtype.kind in "biuf" else np.ones_like(masks, bool)
        if masks.dtype != np.bool_ and not np.array_equal(flags, masks):
            found = masks[flags != masks][0]
            raise ValueError(f"its action mask holds {found!s}; 0 forbids an action, 1 allows it")
        if not np.logical_or.reduceat(flags, self._starts, axis=1).all():
            raise ValueError("its action mask forbids everything, and the episode goes on")
        return flags

    @property
    def _needed(self) -> str:
        return f"; {self._space} has {self.anything.shape}"


def has_mask(info: Any) -> bool:
    """Whether what reset or step returned beside the observation says what is allowed."""
    return isinstance(info, dict) and info.get(MASK) is not None


def _arrays(mask: Any) -> Iterator[Array]:
    """The arrays in a mask, from left to right."""
    if isinstance(mask, list | tuple) and any(map(_holds_several, mask)):
        for each in mask:
            yield from _arrays(each)
    else:
        yield np.atleast_1d(np.asarray(mask))


def _holds_several(part: Any) -> bool:
    return isinstance(part, list | tuple) or np.ndim(part) > 0


def sample_allowed(space: gym.Space[Any], mask: Bools | None) -> Any:
    """An action drawn by its space's own generator, among those that a mask [P] allows."""
    if mask is None:
        return space.sample()
    actions, row, start = Codec(space), [], 0
    for count, first in actions.columns:
        allowed = mask[start : start + count].nonzero()[0]
        row.append(first + int(space.np_random.choice(allowed)))
        start += count
    return actions.value(np.array(row, actions.dtype).reshape(actions.shape))
