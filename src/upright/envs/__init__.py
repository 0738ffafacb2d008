"""Any Gymnasium environment behind one vector interface, over both reset modes.

`NextStepEnvs`: environments with a vector form of their own autoreset on the *next* step. After a
done row comes a row whose action is ignored and whose observation was the true final one before
it; `valid` is False there. `SyncEnvs` never reset by themselves: `restart` resets what is done,
each episode from an explicit seed of its own.
"""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.envs.atari import is_atari, is_older_game, register_atari
    from upright.envs.checking import check
    from upright.envs.codec import Codec
    from upright.envs.composition import (
        EnvSource,
        code_in,
        evaluation_env,
        in_full,
        is_code,
        name_of,
        training_env,
    )
    from upright.envs.families import family_of_spaces, recipe_for
    from upright.envs.history import episodes_stand_alone
    from upright.envs.loading import import_all, missing_extra
    from upright.envs.local import SyncEnvs
    from upright.envs.making import BACKENDS, fastest_backend, make_envs
    from upright.envs.masks import Mask, MaskLayout, MaskReader, sample_allowed
    from upright.envs.parts import LARGEST_SHAPE, Column, in_words, is_image, picture_axes
    from upright.envs.sources import (
        close_quietly,
        is_gymnasiums_own,
        make_env,
        register_as,
        registration_of,
        reward_threshold,
        spec_of,
    )
    from upright.envs.step import Envs, Step
    from upright.envs.vector import NextStepEnvs

__getattr__, __dir__, __all__ = opened(__name__)
