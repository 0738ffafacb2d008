"""Repeat a run's recorded verdict: same weights, same seeds. Exit code 1 if it does not hold."""

import argparse

from upright.cli.arguments import add_run, add_switches, announce, print_json, run_of_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `upright verify` takes."""
    add_run(parser)
    add_switches(parser, "--json", "--trust-code")


def run(args: argparse.Namespace) -> int:
    """Verify."""
    announce(f"Repeating the verdict of {args.run} ...")
    from upright.api import verify

    found = run_of_words(args)
    _ = found.env  # an environment that is code is no verdict that fails
    verification = verify(found)
    record = found.verdict_record()
    if args.json:
        proof = verification.proof
        print_json(
            {
                "run": args.run,
                "holds": verification.holds,
                "identical": verification.identical,
                "reason": verification.reason,
                "solved": record.get("solved"),
                "threshold": record.get("threshold"),
                "recorded_mean": record.get("mean"),
                "repeated_mean": None if proof is None else proof.mean,
            }
        )
    else:
        print(f"{'Holds' if verification.holds else 'Does not hold'}: {verification.reason}")
        if verification.proof is not None:
            print(f"Recorded mean {record['mean']:z.2f}, repeated {verification.proof.mean:z.2f}.")
    return 0 if verification.holds else 1
