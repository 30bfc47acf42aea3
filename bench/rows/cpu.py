"""What the search costs: CPU of a promised look over that of one encode at a fixed quality."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from bench import probe
from bench.arithmetic import percentile, spread
from bench.corpus import Picture, opaque, sample
from bench.figures import Figure, named
from bench.pictures import saved
from bench.run import Row, Run
from imgsvc.engine.recipe import Fixed, LooksLike

TARGETS = {"jpg": 4.5, "webp": 3.0, "avif": 2.0}
LEAST = 1.0
"""Megapixels."""
PICTURES = 8
ROUNDS = 2
FIXED = {"jpg": 75, "webp": 78, "avif": 60}
"""Qualities whose files look about as promised."""
PROMISED = 74.0


def compare(task: tuple[Picture, str]) -> dict[str, Any]:
    """Seconds of CPU for both, the lesser of a few rounds, from a JPEG as it would be uploaded."""
    picture, format_ = task
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(saved(Image.fromarray(opaque(picture.pixels())), "JPEG", quality=92))
        file.flush()
        path = Path(file.name)
        fixed = min(probe.ask(format_, Fixed(FIXED[format_]), path)["cpu"] for _ in range(ROUNDS))
        looks = min(probe.ask(format_, LooksLike(PROMISED), path)["cpu"] for _ in range(ROUNDS))
    return {"name": picture.name, "megapixels": picture.megapixels, "fixed": fixed, "looks": looks}


def measure(run: Run) -> list[Figure]:
    pictures = sample([one for one in run.stills() if one.megapixels >= LEAST], PICTURES)
    figures = []
    for format_, target in TARGETS.items():
        found = run.each(compare, [(one, format_) for one in pictures], lambda task: f"{task[0].name} timed")
        run.data[f"cpu {format_}"] = found
        ratios = {one["name"]: one["looks"] / one["fixed"] for one in found}
        values = list(ratios.values())
        what = f"{format_} CPU of LooksLike over Fixed, pictures from {LEAST:g} MP, median"
        value = percentile(values, 0.5)
        figures.append(Figure("cpu", what, value, target, False, len(values), spread(values), named(ratios)))
    return figures


ROW = Row("cpu", measure)
