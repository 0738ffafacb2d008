"""Every idiom; another one is one more entry, in the order in which they see a node."""

from upright.migration.attributes import Inside, Level, Package, Vectors
from upright.migration.idiom import Idiom
from upright.migration.ids import Games, Ids
from upright.migration.imports import Imports
from upright.migration.numpy_names import NumpyNames
from upright.migration.own import Metadata, OwnReset, OwnStep
from upright.migration.resetting import Forwarded, Reset
from upright.migration.seeds import Draws, Seed
from upright.migration.showing import MakeArguments, Render, RenderMode
from upright.migration.stepping import StepInside, Stepping, Truncation
from upright.migration.wrappers import Wrapping

IDIOMS: tuple[Idiom, ...] = (
    Imports(),
    Ids(),
    Games(),
    MakeArguments(),
    RenderMode(),
    Render(),
    Wrapping(),
    Stepping(),
    StepInside(),
    Truncation(),
    Reset(),
    Forwarded(),
    Seed(),
    Draws(),
    OwnReset(),
    OwnStep(),
    Metadata(),
    Inside(),
    Vectors(),
    Package(),
    Level(),
    NumpyNames(),
)
