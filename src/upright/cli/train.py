"""Train a policy until it is solved and verified, or the budget is spent."""

import argparse
import sys
from typing import Any

from upright.cli.common import add_media, add_quiet, add_trust, announce, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright train` takes: the run's own flags, and every setting by its name."""
    add = parser.add_argument
    add("env", metavar="ENV", nargs="?", help="CartPole-v1, module:Name or file.py:Name")
    add("--algo", metavar="NAME", help="reinforce, actor-critic or ppo; default: the preset's")
    add("--preset", metavar="NAME", help="tuned, lesson or default; default: tuned if recorded")
    add("--config", metavar="FILE", help="TOML file of settings; flags go before it")
    add("--out", metavar="FOLDER", default="runs", help="where run folders go; default runs")
    add("--seed", metavar="N", help="where all randomness comes from; default 0")
    add("--threads", metavar="N", help="PyTorch's threads; default 1, the fastest for small nets")
    add("--device", metavar="NAME", help="auto, cpu or cuda; default auto")
    add("--until", metavar="WHEN", help="solved or budget; default solved")
    add("--checkpoint-every", metavar="N", help="timesteps; default a twentieth of the budget")
    add("--keep", metavar="K", help="newest checkpoints to keep beside the best; default 20")
    add(
        "--outside-space",
        metavar="HOW",
        help="observations outside their space: stop, accept, or"
        " auto (stop, save for Gymnasium's own environments); default auto",
    )
    add("--env-timeout", metavar="S", help="seconds until a worker counts as hung; default 60")
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
    from upright.recipe import bounds

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
    given = {name: value for name, value in vars(args).items() if value is not None}
    own = {name: given.pop(name) for name in ("env", "algo", "preset", "config") if name in given}
    for name in ("json", "out", "debug", "trust_code", "no_media", "quiet"):
        given.pop(name)

    from upright.envs import is_code, spec_of
    from upright.recipe import resolve

    recipe = resolve(**own, **given)
    if "env" in own or not is_code(recipe.env):
        spec_of(recipe.env)

    from upright.cli.display import listener_for
    from upright.experiment import train

    results = sys.stderr if args.json else sys.stdout
    with listener_for(sys.stderr, results, recipe.preset == "lesson", args.quiet) as listener:
        train(
            **own,
            **given,
            out=args.out,
            listener=listener,
            trust_code=args.trust_code,
            media=False if args.no_media else None,
        )
    if args.json:
        print_json(listener.summary)
    return 0
