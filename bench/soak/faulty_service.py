"""`python -m bench.soak.faulty_service` serves as `imgsvc serve` does, behind the same fences, with faults on order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgsvc.app import create_app
from imgsvc.front import Front
from imgsvc.sandbox import Pool
from imgsvc.sandbox.child import command
from imgsvc.settings import load

ROOT = Path(__file__).resolve().parents[2]


class Faulty(Front):
    """The service's front, with helpers whose engine is `faulty`."""

    def load(self) -> Any:
        ours = self.settings
        pool = Pool(
            ours.instance / "jobs",
            helpers=ours.worker_helpers,
            queue=ours.queue,
            memory=ours.helper_memory,
            command=command("bench.soak.faulty", str(ROOT)),
        )
        return create_app(ours, pool=pool)


if __name__ == "__main__":
    Faulty(load()).run()
