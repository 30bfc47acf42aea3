"""Many files through the helpers at once; each gives a result or a sentence, in the order they were named."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from imgsvc.cli.places import Places, write
from imgsvc.cli.report import Outcome
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.errors import ImgsvcError
from imgsvc.sandbox import Pool
from imgsvc.settings import Settings, cores

LONGEST_SIDE = 65_535
"""Pixels; the sides are generous here, the frame limits of the settings still hold."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The files of one command, what to make of them, and where to."""

    files: tuple[Path, ...]
    recipe: Recipe
    places: Places
    settings: Settings

    def run(self) -> Iterator[Outcome]:
        """The outcome of each file, in order, as they are ready; several are at work at once."""
        helpers = min(self.settings.helpers or cores(), len(self.files))
        with TemporaryDirectory(prefix="imgsvc-") as folder:
            pool = Pool(Path(folder), helpers=helpers, queue=helpers, memory=self.settings.helper_memory)
            crew = ThreadPoolExecutor(helpers)
            try:
                yield from crew.map(lambda file: self.outcome(pool, file), self.files)
            finally:
                crew.shutdown(wait=False, cancel_futures=True)
                pool.close()

    def outcome(self, pool: Pool, file: Path) -> Outcome:
        """One file, optimised and written; what goes wrong becomes its sentence."""
        try:
            result = pool.run(
                file.read_bytes(), self.recipe, seconds=self.settings.deadline, limits=limits(self.settings)
            )
            place = self.places.of(file, result.format)
            write(place, result.data)
        except (ImgsvcError, OSError) as error:
            return Outcome(file, error=reason(error))
        return Outcome(file, place, result)


def limits(settings: Settings) -> Limits:
    """What a local picture may cost."""
    return Limits(
        max_width=LONGEST_SIDE,
        max_height=LONGEST_SIDE,
        max_frame_pixels=settings.max_frame_pixels,
        max_total_pixels=settings.max_total_pixels,
        max_frames=settings.max_frames,
    )


def reason(error: ImgsvcError | OSError) -> str:
    """The error as a sentence without the file's name, which is said before it."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else error.message
