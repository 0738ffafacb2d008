"""Train a policy until it is solved and verified, or the budget is spent."""

import argparse
import sys
from typing import Any

from upright.cli.arguments import add_fields, add_media, add_quiet, add_trust, announce, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright train` takes: the run's own flags, and every setting by its name."""
    from upright.settings import FLAGS

    add = parser.add_argument
    add("env", metavar="ENV", nargs="?", help="CartPole-v1, module:Name or file.py:Name")
    add("--algo", metavar="NAME", help="reinforce, actor-critic or ppo; default: the preset's")
    add("--preset", metavar="NAME", help="tuned, lesson or default; default: tuned if recorded")
    add("--config", metavar="FILE", help="TOML file of settings; flags go before it")
    add("--out", metavar="FOLDER", default="runs", help="where run folders go; default runs")
    add_fields(parser, FLAGS)
    add("--json", action="store_true", help="end stdout with one JSON object")
    add_quiet(parser)
    add_media(parser)
    add_trust(parser)
    _add_settings(parser)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    from upright.settings import SETTINGS

    owners: dict[str, list[str]] = {}
    for algo, settings in SETTINGS.items():
        for name in settings.model_fields:
            owners.setdefault(name, []).append(algo)
    groups: dict[str, Any] = {}
    for name, algos in owners.items():
        title = "every algorithm" if len(algos) == len(SETTINGS) else " and ".join(algos)
        group = groups.setdefault(title, parser.add_argument_group(f"settings of {title}"))
        fields = {algo: SETTINGS[algo].model_fields[name] for algo in algos}
        flag, text = f"--{name.replace('_', '-')}", _describe(fields)
        if next(iter(fields.values())).annotation is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
        else:
            group.add_argument(flag, metavar="X", help=text)


def _describe(fields: dict[str, Any]) -> str:
    from upright.settings import bounds

    field = next(iter(fields.values()))
    defaults = {algo: _written(each.default) for algo, each in fields.items()}
    if len(set(defaults.values())) == 1:
        default = next(iter(defaults.values()))
    else:
        default = ", ".join(f"{value} for {algo}" for algo, value in defaults.items())
    extra = field.json_schema_extra
    parts = [f"default {default}", extra["unit"], bounds(field.metadata), extra["source"]]
    text = f"{field.description} [{'; '.join(part for part in parts if part)}]"
    return text.replace("%", "%%")


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        start_and_end = hasattr(value, "start") and value[0] == value[1]
        return f"{value[0]:g}" if start_and_end else ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def run(args: argparse.Namespace) -> int:
    """Train."""
    if not args.quiet:
        announce(f"Upright: training {args.env or args.config or ''}; importing PyTorch ...")
    from upright.envs import refuse_untrusted, spec_of
    from upright.settings import resolve

    given = {name: value for name, value in vars(args).items() if value is not None}
    for name in ("json", "out", "debug", "trust_code", "no_media", "quiet"):
        given.pop(name)
    recipe = resolve(**given)
    if args.env is None and not args.trust_code:
        refuse_untrusted(recipe.env, args.config)
    spec_of(recipe.env)

    from upright.api import train_recipe
    from upright.cli.terminal import listener_for

    results = sys.stderr if args.json else sys.stdout
    with listener_for(sys.stderr, results, recipe.preset == "lesson", args.quiet) as listener:
        train_recipe(
            recipe,
            recipe.env,
            out=args.out,
            listener=listener,
            media=False if args.no_media else None,
        )
    if args.json:
        print_json(listener.summary)
    return 0
