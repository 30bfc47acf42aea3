"""How the properties of hostile text are tried: a few guesses in the tests, many by `python -m bench fuzz`."""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))


def fuzzed(count: int):
    """So many guesses, the same in every run of the tests; others, and as many as it says, in a run by hand."""
    return settings(
        max_examples=EXAMPLES or count,
        derandomize=not EXAMPLES,
        deadline=timedelta(seconds=SECONDS) if SECONDS else None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
