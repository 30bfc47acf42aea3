"""The straight line: sniff, limits, decode, reshape, passes, smallest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import cv2
import magic
import numpy as np
import pyvips

from imgsvc.engine.attempt import take_turn
from imgsvc.engine.bounds import check, check_header
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Codec, Info, Offer, Picture, Shape
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.contest import Contest, Entry, covers
from imgsvc.engine.formats import Field, worthwhile
from imgsvc.engine.geometry import even_box
from imgsvc.engine.heap import keep_apart
from imgsvc.engine.pixels import decoding
from imgsvc.engine.recipe import AUTO, Recipe
from imgsvc.engine.result import Result, Step
from imgsvc.errors import BadParameter, BadPicture, InputError, UnsupportedKind


def prepare() -> None:
    """Set this process up for the work: one thread for each library, and no memory kept between pictures."""
    keep_apart()
    cv2.setNumThreads(1)
    pyvips.cache_set_max(0)


def sniff(data: bytes) -> Codec:
    """The codec that reads this file, told by its first bytes; UnsupportedKind when there is none."""
    for codec in CODECS:
        if codec.sniff(data):
            return codec
    kind = magic.from_buffer(data[:4096], mime=True)
    raise UnsupportedKind(f"image: got {kind}, expected JPEG, PNG, WebP, GIF, AVIF, BMP, TIFF or SVG.")


def optimize(data: bytes, recipe: Recipe, budget: Budget, keep: Callable[[Result], None] = lambda _: None) -> Result:
    """The best answer to the recipe; `keep` is told each better one on the way, for when time runs out.

    Raises InputError kinds: UnsupportedKind, TooManyPixels, BadPicture.
    """
    source = sniff(data)
    with decoding():
        info = source.inspect(data, budget.limits)
        check(info, budget.limits, source.vector)
    targets = _targets(recipe, source, info)
    untouched = targets == [source] and source.vector
    picture = _blank(info) if untouched else _decoded(source, data, info, recipe, targets, budget)
    if picture.reshaped and recipe.reshaped is not None:
        recipe = replace(recipe, goal=recipe.reshaped)

    def result(entry: Entry, *, hurried: bool) -> Result:
        codec, offer = entry.codec, entry.offer
        shown = codec.adapt(picture) if not codec.vector else _blank(info)
        frames = len(picture.animation.durations) if picture.animation and codec.animation else 1
        return Result(
            data=offer.data,
            format=codec.name,
            mime=codec.mime,
            width=shown.width,
            height=shown.height,
            frames=frames,
            score=offer.score,
            original_size=len(data),
            original_format=source.name,
            original_width=info.width,
            original_height=info.height,
            seconds=budget.spent,
            steps=contest.judged(),
            hurried=hurried,
        )

    contest = Contest(recipe.goal, lambda entry: keep(result(entry, hurried=True)))
    own = source if source in targets and (source.vector or not picture.reshaped) else None
    if own:
        safe = Offer(own.safe(data), 100.0)
        contest.note(Step("original", "larger", len(safe.data), 100.0))
        contest.enter(Entry(own, safe, "original", kept=True))
    if not (own and covers(own.sealed(data), recipe.goal)):
        _compete(targets, own, data, picture, recipe, budget, contest)
    if contest.best is None:
        raise BadPicture(f"image: the picture cannot be written as {' or '.join(t.name for t in targets)}.")
    return result(contest.best, hurried=budget.left <= 0)


def _targets(recipe: Recipe, source: Codec, info: Info) -> list[Codec]:
    named = {name for name in recipe.formats if name != AUTO}
    written = {codec.name: codec for codec in CODECS if codec.passes}
    for name in sorted(named - set(written)):
        raise BadParameter.of("format", name, f"one that is written here: {', '.join(written)}")
    if AUTO in recipe.formats:
        choice = [codec for codec in written.values() if not codec.vector and not codec.video]
        return [source] if source.vector else [codec for codec in choice if not named or codec.name in named]
    if named:
        targets = [codec for codec in written.values() if codec.name in named]
        return [target for target in targets if not target.video or _shows(target, info)] or _no_video(targets, info)
    return [BY_NAME[source.becomes or source.name]]


def _shows(video: Codec, info: Info) -> bool:
    return info.frames > 1 and any(one.available() for one in video.passes)


def _no_video(targets: list[Codec], info: Info) -> NoReturn:
    names = " or ".join(target.name for target in targets)
    if info.frames == 1:
        raise InputError(f"image: got a still picture, expected an animation for {names}.")
    raise InputError(f"format: got {names}, which is not available on this server.")


def _decoded(source: Codec, data: bytes, info: Info, recipe: Recipe, targets: list[Codec], budget: Budget) -> Picture:
    box = even_box(recipe.resize) if any(target.video for target in targets) else recipe.resize
    shape = Shape(box, recipe.trim, recipe.background, budget.limits)
    if not source.vector:
        check_header(info, shape)
    with decoding():
        return source.decode(data, shape)


def _blank(info: Info) -> Picture:
    """Stands for a vector kept as it is: a size, and no memory behind its pixels."""
    return Picture(np.broadcast_to(np.zeros(3, np.uint8), (max(1, info.height), max(1, info.width), 3)))


def _compete(
    targets: list[Codec],
    own: Codec | None,
    data: bytes,
    picture: Picture,
    recipe: Recipe,
    budget: Budget,
    contest: Contest,
) -> None:
    """Every format in turn; of several those worth it, each with an equal share of the time that is left."""

    def attempt(target: Codec, picture: Picture, budget: Budget, contest: Contest) -> None:
        kept = target is own and (own.vector or not picture.reshaped)
        take_turn(target, data if kept else None, picture, recipe, budget, contest)

    if len(targets) > 1:
        field = Field(picture, recipe.goal, targets, own, contest.least())
        targets = worthwhile(field, budget, attempt, contest.note)
    for number, target in enumerate(targets):
        attempt(target, picture, budget.turn(number, len(targets)), contest)
