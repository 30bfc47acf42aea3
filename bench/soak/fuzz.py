"""`python -m bench fuzz`: the properties of tests/safety/test_fuzz*.py with other guesses, round after round."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from bench.soak.service import ROOT

TESTS = tuple(f"tests/safety/test_fuzz{part}.py" for part in ("", "_headers", "_urls", "_wire"))
EXAMPLES = 1000
SECONDS = 5.0
"""What one example may take."""


def options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long; a round that has begun is ended")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="guesses at each property in a round")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="the first round's; each later has one more")


def main(arguments: argparse.Namespace) -> None:
    """Rounds until the time is over; ends with an error at the first property that does not hold."""
    until, seed, rounds = time.monotonic() + 60 * arguments.minutes, arguments.seed, 0
    env = os.environ | {"FUZZ_EXAMPLES": str(arguments.examples), "FUZZ_SECONDS": str(SECONDS)}
    while time.monotonic() < until or not rounds:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *TESTS]
        done = subprocess.run([*command, f"--hypothesis-seed={seed + rounds}"], cwd=ROOT, env=env, check=False)
        if done.returncode:
            sys.exit(f"seed {seed + rounds}, {arguments.examples} examples: a property does not hold")
        rounds += 1
    sys.stdout.write(f"{rounds} rounds of {arguments.examples} examples a property from seed {seed}: all hold\n")
