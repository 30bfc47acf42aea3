"""Good files made bad: bits flipped, cut off, spliced, lengths that lie, chunks out of order."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from random import Random

LENGTHS = (0, 1, 2, 7, 8, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
MOST_FLIPS = 24
MOST_PIECES = 400

Mutate = Callable[[Random, bytes, bytes], bytes]
"""From dice, a file and another file to splice with."""


def mutants(dice: Random, seeds: Mapping[str, bytes], count: int) -> Iterator[tuple[str, bytes]]:
    """So many mutants, seeds and ways in turn; the name says both and the number."""
    names, ways = list(seeds), list(WAYS)
    for number in range(count):
        name, way = names[number % len(names)], ways[number // len(names) % len(ways)]
        yield f"{number} {way} {name}", mutant(dice, way, seeds[name], seeds[dice.choice(names)])


def mutant(dice: Random, way: str, data: bytes, other: bytes) -> bytes:
    """One mutant; now and then a second way is added to the first."""
    made = WAYS[way](dice, data, other)
    return WAYS[dice.choice(list(WAYS))](dice, made, other) if made and dice.random() < 0.25 else made


def flip(dice: Random, data: bytes, _other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.randint(1, MOST_FLIPS)):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def truncate(dice: Random, data: bytes, _other: bytes) -> bytes:
    return data[: dice.randrange(len(data))]


def splice(dice: Random, data: bytes, other: bytes) -> bytes:
    return data[: dice.randrange(len(data))] + other[dice.randrange(len(other)) :]


def lie(dice: Random, data: bytes, _other: bytes) -> bytes:
    """A length, or whatever stands where one could, says something else."""
    places = [at for start, _ in pieces(data) for at in (start, start + 2, start + 4)]
    at = dice.choice([*places, dice.randrange(min(len(data), 128)), dice.randrange(len(data))])
    value, order = dice.choice(LENGTHS), dice.choice("<>")
    packed = (
        struct.pack(f"{order}I", value) if value > 65535 or dice.random() < 0.6 else struct.pack(f"{order}H", value)
    )
    return data[:at] + packed + data[at + len(packed) :]


def shuffle(dice: Random, data: bytes, _other: bytes) -> bytes:
    """The chunks change places, one may be there twice or be gone."""
    found = pieces(data)
    if len(found) < 3:
        return flip(dice, data, data)
    parts = [data[start:end] for start, end in found]
    first, second = dice.sample(range(len(parts)), 2)
    match dice.randrange(3):
        case 0:
            parts[first], parts[second] = parts[second], parts[first]
        case 1:
            parts.insert(second, parts[first])
        case _:
            del parts[first]
    return data[: found[0][0]] + b"".join(parts) + data[found[-1][1] :]


WAYS: dict[str, Mutate] = {"flip": flip, "truncate": truncate, "splice": splice, "lie": lie, "shuffle": shuffle}


def pieces(data: bytes) -> list[tuple[int, int]]:
    """Where the chunks, segments, boxes or tags of a file begin and end, as far as they can be followed."""
    if data.startswith(b"\x89PNG"):
        return _walk(data, 8, lambda at: 12 + struct.unpack_from(">I", data, at)[0])
    if data.startswith(b"RIFF"):
        return _walk(data, 12, lambda at: 8 + (struct.unpack_from("<I", data, at + 4)[0] + 1) // 2 * 2)
    if data[4:8] == b"ftyp":
        return _walk(data, 0, lambda at: struct.unpack_from(">I", data, at)[0])
    if data.startswith(b"\xff\xd8"):
        return _walk(data, 2, lambda at: 2 + struct.unpack_from(">H", data, at + 2)[0])
    if data.lstrip().startswith(b"<"):
        cuts = [at for at, byte in enumerate(data) if byte == ord("<")][:MOST_PIECES]
        return list(zip(cuts, [*cuts[1:], len(data)], strict=True))
    # A header and what it points to: BMP, TIFF, GIF.
    step = max(1, len(data) // 16)
    return [(at, min(len(data), at + step)) for at in range(0, len(data), step)]


def _walk(data: bytes, at: int, size: Callable[[int], int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while at + 8 <= len(data) and len(found) < MOST_PIECES:
        end = min(len(data), at + max(4, size(at)))
        found.append((at, end))
        at = end
    return found
