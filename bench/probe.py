"""One piece of work in a fresh process, told as JSON: `python -m bench.probe FORMAT GOAL FILE`.

Prints the seconds of CPU (its programs' included), the most bytes of memory held, and the size of the answer.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from bench import programs
from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.recipe import Goal, Recipe, parse

SECONDS = 30.0
"""As much as the service gives a picture by default, of CPU."""


def ask(format_: str, goal: Goal, file: Path) -> dict[str, Any]:
    """What a fresh process says; CalledProcessError where it failed. Empty format: the file's own."""
    command = [sys.executable, "-m", "bench.probe", format_, str(goal), str(file)]
    told: dict[str, Any] = json.loads(programs.run(command))
    return told


def main() -> None:
    format_, goal, file = sys.argv[1:4]
    pipeline.prepare()
    data = Path(file).read_bytes()
    recipe = Recipe(parse(goal).goal, (format_,) if format_ else ())
    begun = _cpu()
    result = pipeline.optimize(data, recipe, Budget(SECONDS))
    spent = _cpu() - begun
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    told = {"cpu": spent, "memory": max(_peak(), children), "size": result.size, "score": result.score}
    sys.stdout.write(json.dumps(told))


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak() -> int:
    """The most memory this process held, in bytes; unlike ru_maxrss it knows nothing of the process before exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main()
