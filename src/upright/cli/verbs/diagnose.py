"""Say in plain words what is unusual about a run, while it trains or afterwards."""

import argparse

from upright.cli.arguments import add_run, add_switches, announce, plain, print_json, run_of_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright diagnose` takes."""
    add_run(parser)
    add_switches(parser, "--json", "--trust-code")


def run(args: argparse.Namespace) -> None:
    """Diagnose."""
    announce(f"Looking at {args.run} ...")
    from upright.runs import findings_of

    looked_at = run_of_words(args)
    findings = findings_of(looked_at)
    if args.json:
        print_json({"run": args.run, "findings": [vars(each) for each in findings]})
        return
    for each in findings:
        print(plain(f"{each.sentence} {each.hint}"))
    if not findings:
        print("Nothing unusual." if looked_at.metrics() else "Nothing was learned yet.")
