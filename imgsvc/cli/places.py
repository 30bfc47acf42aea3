"""Where the results of `imgsvc optimize` go: next to the source or into a folder, never onto a source."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from imgsvc.errors import BadParameter

SPELLINGS = {"jpg": (".jpg", ".jpeg", ".jpe", ".jfif")}
"""Suffixes that already say the format, so that `photo.jpeg` keeps its name."""
NEXT_TO_SOURCE = ".opt"


@dataclass(frozen=True, slots=True)
class Places:
    """The place of each result, decided when its format is known; no two results share one."""

    sources: tuple[Path, ...]
    out: Path | None
    taken: dict[Path, Path] = field(default_factory=dict)

    def of(self, source: Path, format_: str) -> Path:
        """Where the result of `source` goes; BadParameter where a source or another result is already there."""
        folder = source.parent if self.out is None else self.out
        stem = source.stem + (NEXT_TO_SOURCE if self.out is None else "")
        place = folder / (stem + suffix(source, format_))
        if any(same(place, other) for other in self.sources):
            raise BadParameter(f"{source}: its result would overwrite the source {place}; give another --out.")
        holder = self.taken.setdefault(place.absolute(), source)
        if holder != source:
            raise BadParameter(f"{source}: {place} is already the result of {holder}; optimise them apart.")
        return place


def suffix(source: Path, format_: str) -> str:
    """The result's suffix: the source's own spelling where it says the same format."""
    known = SPELLINGS.get(format_, (f".{format_}",))
    return source.suffix if source.suffix.lower() in known else f".{format_}"


def same(place: Path, source: Path) -> bool:
    """Whether both names lead to one file, over links and letter case as the file system sees them."""
    return place.absolute() == source.absolute() or (place.exists() and source.exists() and place.samefile(source))


def write(place: Path, data: bytes) -> None:
    """Put `data` there whole or not at all."""
    partial = place.with_name(f".imgsvc-{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as file:
            file.write(data)
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)
