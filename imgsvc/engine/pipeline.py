"""The straight line: sniff, limits, decode, reshape, passes, smallest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

import cv2
import magic
import numpy as np
import pyvips

from imgsvc.engine.bounds import check, check_header
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Shape, Work
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.contest import Contest, Entry, covers, rank, seal
from imgsvc.engine.formats import Field, worthwhile
from imgsvc.engine.geometry import even_box
from imgsvc.engine.heap import keep_apart
from imgsvc.engine.judge import Judge
from imgsvc.engine.pixels import decoding
from imgsvc.engine.recipe import AUTO, Colour, Fixed, Goal, Lossless, Recipe, Under
from imgsvc.engine.reshape import flattened
from imgsvc.engine.result import Result, Step
from imgsvc.errors import BadParameter, BadPicture, InputError, UnsupportedKind

# Up to this size screening is quick enough to be done to those close behind the winner as well.
SCREENED_PIXELS = 40_000
# Below so many seconds a megapixel a search may end without any file.
SHORT = 1.0
EARLY_QUALITY, LEAST_QUALITY = 75, 1


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
        _try(target, data if kept else None, picture, recipe, budget, contest)

    if len(targets) > 1:
        field = Field(picture, recipe.goal, targets, own, contest.least())
        targets = worthwhile(field, budget, attempt, contest.note)
    for number, target in enumerate(targets):
        attempt(target, picture, budget.turn(number, len(targets)), contest)


def _try(target: Codec, data: bytes | None, picture: Picture, recipe: Recipe, budget: Budget, contest: Contest) -> None:
    """Lets the format's passes offer; `data` is the upload where it may stay as it is but for its bytes."""
    goal, kept = recipe.goal, data is not None
    fitted = _fitted(picture, target, recipe.background)

    def read(made: bytes) -> Picture:
        return target.decode(made, None)

    judge = Judge(fitted).reader(read)
    wanted = _lossless_if_it_fits(goal, data)
    once = _once(target, recipe)
    if not once and contest.best is None:
        _hasten(target, fitted, goal, budget, contest)
    for offered in once or target.passes:
        name = f"{target.name}.{offered.name}"

        def show(offer: Offer, name: str = name) -> None:
            contest.enter(Entry(target, seal(target, offer, goal), name, kept))

        work = Work(data, fitted, wanted, budget, judge, read, show, contest.least, contest.met)
        contest.note(_run(offered, name, work, contest, show))
    if not once:
        _polish(target, contest, Work(None, fitted, wanted, budget, judge, read))


def _once(target: Codec, recipe: Recipe) -> tuple[Pass, ...]:
    """The one encode that a recipe in a hurry is answered with; nothing where all passes are to run."""
    make, goal = target.quick, recipe.goal
    if make is None or not recipe.quick or not isinstance(goal, Fixed):
        return ()
    return (Pass("quick", lambda work: Offer(make(work.picture, goal.quality)), lossy=True),)


def _hasten(target: Codec, picture: Picture, goal: Goal, budget: Budget, contest: Contest) -> None:
    """A plain file at once where time is short, so that there is an answer when it has run out.

    It has met no goal: nothing is sealed into it, and any file with a score takes its place.
    """
    frames = len(picture.animation.durations) if picture.animation else 1
    hurry = not budget.allows(SHORT * picture.width * picture.height * frames / 1e6)
    if target.quick is None or isinstance(goal, Lossless) or not hurry:
        return
    name = f"{target.name}.early"
    with suppress(Exception):
        quality = (
            goal.quality if isinstance(goal, Fixed) else LEAST_QUALITY if isinstance(goal, Under) else EARLY_QUALITY
        )
        data = target.quick(picture, quality)
        contest.enter(Entry(target, Offer(data), name, kept=False))
        contest.note(Step(name, "larger", len(data)))


def _polish(target: Codec, contest: Contest, work: Work) -> None:
    """The winner's last bytes; of a small picture the winner is whichever is the best when screened."""
    entries = [entry for entry in (contest.best, *contest.runners_up) if entry and entry.codec is target]
    if contest.best not in entries:
        return
    if len(entries) > 1 and work.picture.width * work.picture.height <= SCREENED_PIXELS:
        screened = _shorter(entries, target.screen, contest, work)
        entries = sorted(screened, key=lambda one: rank(contest.goal, one.offer, one.kept))
    _shorter(entries[:1], target.polish, contest, work)


def _shorter(
    entries: list[Entry], shorten: Callable[[Work, bytes], bytes], contest: Contest, work: Work
) -> list[Entry]:
    """The entries in fewer bytes, as far as time and their faults allow; the contest is told of each."""
    made = []
    for entry in entries:
        # The winner may be the upload itself, with faults that its decoder passes over.
        with suppress(Exception):
            if work.budget.left > 0:
                made.append(replace(entry, offer=replace(entry.offer, data=shorten(work, entry.offer.data))))
                contest.finish(made[-1])
    return made


def _run(offered: Pass, name: str, work: Work, contest: Contest, show: Callable[[Offer], None]) -> Step:
    if offered.lossy and isinstance(work.goal, Lossless):
        return Step(name, "skipped", note="lossy")
    if not offered.available():
        return Step(name, "skipped", note="not installed")
    if contest.best is not None and work.budget.left <= 0:
        return Step(name, "skipped", note="no time left")
    before = work.budget.spent
    try:
        offer = offered.run(work)
        if offer is not None and offer.score is None and not isinstance(work.goal, Fixed):
            offer = replace(offer, score=work.judge(offer.data))
    except Exception as error:  # noqa: BLE001 - an encoder may fail on any picture; the others go on
        return Step(name, "failed", seconds=work.budget.spent - before, note=type(error).__name__)
    seconds = work.budget.spent - before
    if offer is None:
        return Step(name, "nothing", seconds=seconds)
    show(offer)
    return Step(name, "larger", len(offer.data), offer.score, seconds)


def _fitted(picture: Picture, target: Codec, background: Colour) -> Picture:
    """The picture as the format can hold it: its first frame, or over the background, where it must be."""
    if picture.animation and not target.animation:
        picture = replace(picture, animation=None)
    if not target.alpha:
        picture = flattened(picture, background)
    return target.adapt(picture)


def _lossless_if_it_fits(goal: Goal, data: bytes | None) -> Goal:
    return Lossless() if isinstance(goal, Under) and data is not None and len(data) <= goal.size else goal
