"""Train a policy until it is solved and verified, or the budget is spent."""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from upright.cli.arguments import add_fields, add_switches, announce, print_json

if TYPE_CHECKING:
    from upright.settings import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright train` takes."""
    add_training(parser)


def add_training(
    parser: argparse.ArgumentParser, without: Sequence[str] = (), out: str = "runs"
) -> None:
    """What a training takes: the run's own flags but for some, and every setting by its name.

    Args:
        parser: Takes them.
        without: Which of the run's own are left out.
        out: The folder that it leaves its own in.
    """
    from upright.settings import FLAGS

    add = parser.add_argument
    add("env", metavar="ENV", nargs="?", help="CartPole-v1, module:Name or file.py:Name")
    add("--algo", metavar="NAME", help="reinforce, actor-critic or ppo; default: the preset's")
    add("--preset", metavar="NAME", help=_preset_help())
    add("--config", metavar="FILE", help="TOML file of settings; flags go before it")
    add("--out", metavar="FOLDER", default=out, help=f"where run folders go; default {out}")
    add_fields(parser, [name for name in FLAGS if name not in without])
    add_switches(parser, "--json", "--quiet", "--no-media", "--trust-code")
    _add_settings(parser)


def _preset_help() -> str:
    from upright.settings import FAMILIES

    *others, last = FAMILIES
    return (
        "tuned, lesson, a family of settings for a kind of environment "
        f"({', '.join(others)} or {last}), or default for none of them; default: tuned if "
        "recorded, else the environment's family"
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from upright.settings import SETTINGS

    owners: dict[str, dict[str, Any]] = defaultdict(dict)
    for algo, settings in SETTINGS.items():
        for name, field in settings.model_fields.items():
            owners[name][algo] = field
    groups: dict[str, Any] = {}
    for name, fields in owners.items():
        title = "every algorithm" if len(fields) == len(SETTINGS) else " and ".join(fields)
        group = groups.setdefault(title, parser.add_argument_group(f"settings of {title}"))
        is_bool = next(iter(fields.values())).annotation is bool
        kind: Any = {"action": argparse.BooleanOptionalAction} if is_bool else {"metavar": "X"}
        group.add_argument(f"--{name.replace('_', '-')}", help=_describe(fields), **kind)


def _describe(fields: dict[str, Any]) -> str:
    from upright.settings import as_text, bounds

    field, *_ = fields.values()
    defaults = {algo: as_text(each.default) for algo, each in fields.items()}
    default, *others = set(defaults.values())
    if others:
        default = ", ".join(f"{value} for {algo}" for algo, value in defaults.items())
    extra = field.json_schema_extra
    parts = [f"default {default}", extra["unit"], bounds(field.metadata), extra["source"]]
    text = f"{field.description} [{'; '.join(part for part in parts if part)}]"
    return text.replace("%", "%%")


def recipe_of_words(args: argparse.Namespace, *own: str) -> "Recipe":
    """The recipe that the arguments of `add_training` mean; `own` are the verb's own.

    An environment that will not do is refused here, before anything moves on the screen.
    """
    from upright.envs import recipe_for, spec_of, training_env

    others = ("json", "out", "debug", "no_media", "quiet", *own)
    recipe = recipe_for(**{name: value for name, value in vars(args).items() if name not in others})
    spec_of(training_env(recipe))
    return recipe


def run(args: argparse.Namespace) -> None:
    """Train."""
    if not args.quiet:
        announce(f"Upright: training {args.env or args.config or ''} ...")
    recipe = recipe_of_words(args)

    from upright.cli.terminal import listener_for
    from upright.recipes import train_recipe

    results = sys.stderr if args.json else sys.stdout
    with listener_for(sys.stderr, results, recipe.preset == "lesson", args.quiet) as listener:
        media = False if args.no_media else None
        train_recipe(recipe, recipe.env, out=args.out, listener=listener, media=media)
    if args.json:
        print_json(listener.summary)
