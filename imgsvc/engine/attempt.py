"""One format's turn: its passes offer, a plain file comes first where time is short, and the winner is polished."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Codec, Offer, Pass, Picture, Work
from imgsvc.engine.contest import Contest, Entry, rank, seal
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import Colour, Fixed, Goal, Lossless, Recipe, Under
from imgsvc.engine.reshape import flattened
from imgsvc.engine.result import Step

# Up to this size screening is quick enough to be done to those close behind the winner as well.
SCREENED_PIXELS = 40_000
# Below so many seconds a megapixel a search may end without any file.
SHORT = 1.0
EARLY_QUALITY, LEAST_QUALITY = 75, 1


def take_turn(
    target: Codec, data: bytes | None, picture: Picture, recipe: Recipe, budget: Budget, contest: Contest
) -> None:
    """Let a format's passes offer to the contest; `data` is the upload where it may stay as it is but for its bytes.

    What a pass raises is a failed step of the contest; the others go on.
    """
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
