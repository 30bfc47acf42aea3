"""The web side of the sandbox: gives pictures to helper processes and outlives whatever these do."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result
from imgsvc.errors import BadPicture, Busy, ClientGone, StorageFull, TooSlow
from imgsvc.sandbox import child, folder, wire
from imgsvc.sandbox.child import Dead, Late
from imgsvc.sandbox.fence import Fence
from imgsvc.sandbox.folder import Desk
from imgsvc.sandbox.seats import START_SECONDS, Seat
from imgsvc.sandbox.turns import Turns

DEFAULT = child.command()
GRACE = 0.05
"""Seconds beyond its time that the engine has to hand over its best answer by itself."""

BREATH = 0.05
"""Seconds that an answer waits for a killed helper to be gone."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the pool of this process does right now; `restarts` counts helpers that replaced another so far.

    `fences` are those of a helper that is up, or of the last `Pool.survey` while none is. `trouble` says, for each
    helper that could not be started when that was tried last, why. `retry_after` is in how many seconds all who run
    and wait may be done.
    """

    helpers: int
    running: int
    waiting: int
    restarts: int
    fences: tuple[Fence, ...] = field(default=(), compare=False)
    trouble: tuple[str, ...] = field(default=(), compare=False)
    retry_after: int = field(default=1, compare=False)

    @property
    def out_of_order(self) -> bool:
        """Whether not one helper could be started."""
        return len(self.trouble) >= self.helpers


@dataclass(frozen=True, slots=True)
class _Crew:
    """The helpers of one process; a process forked from it must start its own."""

    spawner: ThreadPoolExecutor
    seats: tuple[Seat, ...]
    desks: tuple[Desk, ...]
    turns: Turns

    def desk(self, seat: Seat) -> Desk:
        """Where the folders of a seat's jobs are made: all that its helper can write to."""
        return self.desks[self.seats.index(seat)]

    def clear(self) -> None:
        """Remove the desks with all that lies on them."""
        for desk in self.desks:
            desk.clear()


class Pool:
    """Runs the engine on up to `helpers` pictures at once while up to `queue` wait; `memory` is bytes a helper.

    A helper starts when it is first needed, or with `start`, in the process that asks: after a fork each has its own.
    `report` is told why, each time that one cannot be started. Safe to use from any thread.
    """

    def __init__(
        self,
        folder: Path,
        *,
        helpers: int,
        queue: int,
        memory: int,
        command: tuple[str, ...] = DEFAULT,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder.absolute()
        self._helpers = helpers
        self._queue = queue
        self._memory = memory
        self._command = command
        self._report = report
        self._crews: dict[int, _Crew] = {}
        self._surveyed: tuple[Fence, ...] = ()

    def start(self) -> None:
        """Start all helpers in the background, so that the first pictures need not wait for them."""
        self._crew().turns.warm()

    def run(
        self,
        data: bytes,
        recipe: Recipe,
        *,
        seconds: float,
        limits: Limits,
        gone: Callable[[], bool] = lambda: False,
        until: float = math.inf,
    ) -> Result:
        """The optimised picture, after at most `seconds` of work: the best so far if the engine has not ended by then.

        Busy (with retry_after) when the queue is full; TooSlow without any answer in time; BadPicture when the
        picture kills its helper twice; StorageFull; any InputError of the engine. ClientGone soon after `gone`, asked
        every now and then, says that nobody waits any more; the work then stops. `until`, by the monotonic clock, ends
        waiting and work together, however many seconds are left. What happened in the helper, for the log, is in the
        error's notes.
        """
        crew = self._crew()
        seat = crew.turns.enter(gone, until, short=recipe.quick)
        begin = None
        try:
            _settle(seat, until)
            begin = time.monotonic()
            with folder.make(crew.desk(seat), data) as place:
                task = wire.Task(str(place), recipe, seconds, limits)
                return self._work(seat, task, min(begin + seconds, until), gone)
        except OSError as error:
            if error.errno in folder.FULL:
                raise StorageFull from error
            raise
        finally:
            crew.turns.leave(seat, begin and time.monotonic() - begin)

    def survey(self) -> tuple[Fence, ...]:
        """The fences that helpers stand behind here, told by one that starts for nothing else.

        OSError, Dead or Late where none starts.
        """
        self._surveyed = child.survey(self._folder)
        return self._surveyed

    def load(self) -> Load:
        """The pool's state in this process."""
        crew = self._crew()
        running, waiting = crew.turns.count()
        crew.turns.look()
        trouble = tuple(why for why in (seat.trouble() for seat in crew.seats) if why)
        restarts = sum(max(0, seat.starts - 1) for seat in crew.seats)
        fences = next((seat.fences() for seat in crew.seats if seat.fences()), self._surveyed)
        return Load(self._helpers, running, waiting, restarts, fences, trouble, crew.turns.later())

    def close(self) -> None:
        """Kill the helpers of this process and send waiting callers away with Busy, for good."""
        crew = self._crew()
        crew.turns.close()
        crew.spawner.shutdown(wait=True, cancel_futures=True)
        for seat in crew.seats:
            seat.kill()
        crew.clear()

    def _crew(self) -> _Crew:
        # Keyed by process and set in one step: a lock could be held at the moment of a fork, for ever.
        me = os.getpid()
        if me not in self._crews:
            for other in [pid for pid in self._crews if pid != me]:
                self._crews.pop(other, None)
            fresh = self._hire()
            if self._crews.setdefault(me, fresh) is not fresh:
                fresh.clear()
        return self._crews[me]

    def _hire(self) -> _Crew:
        self._folder.mkdir(parents=True, exist_ok=True)
        spawner = ThreadPoolExecutor(1, thread_name_prefix="imgsvc-spawner")
        desks = tuple(folder.lay(self._folder) for _ in range(self._helpers))
        seats = tuple(
            Seat(partial(child.start, self._command, desk.path, self._memory), spawner, desk.tidy, self._report)
            for desk in desks
        )
        return _Crew(spawner, seats, desks, Turns(seats, self._queue))

    def _work(self, seat: Seat, task: wire.Task, deadline: float, gone: Callable[[], bool]) -> Result:
        """The picture tried, and tried once more if its helper dies: that may have been something else's fault."""
        try:
            try:
                return self._ask(seat, task, deadline, gone)
            except Dead:
                return self._ask(seat, task, deadline, gone)
        except (Dead, Late, Busy) as end:
            kept = self._kept(task)
            if kept is not None:
                return kept
            if isinstance(end, Busy):
                raise
            error = TooSlow() if isinstance(end, Late) else BadPicture()
            error.add_note(f"helper: {end}")
            raise error from end

    def _ask(self, seat: Seat, task: wire.Task, deadline: float, gone: Callable[[], bool]) -> Result:
        helper = seat.child(deadline)
        left = deadline - time.monotonic()
        if left <= 0:
            raise Late("no time left for another try")
        try:
            reply = helper.ask(replace(task, seconds=left), deadline + GRACE, gone)
            if reply.get("last"):
                seat.replace()
            return self._read(reply, task)
        except (Dead, Late, ClientGone) as end:
            # The folder goes when the job ends. On a busy machine dying takes time that the client is not to wait for:
            # the next helper starts when the last is gone, and what that still wrote has been removed.
            code = helper.kill(BREATH)
            seat.replace()
            if isinstance(end, ClientGone):
                raise
            raise type(end)(f"{end}, exit code {code}") from end

    def _read(self, reply: dict[str, Any], task: wire.Task) -> Result:
        error, detail = wire.read_reply(reply)
        kept = self._kept(task) if error is None or detail else None
        if kept is not None:
            return kept
        if error is None:
            raise Dead("said it was done without an answer")
        if detail:
            error.add_note(f"helper: {detail}")
        raise error

    def _kept(self, task: wire.Task) -> Result | None:
        with suppress(ValueError):
            return folder.answer(Path(task.folder), self._memory)
        return None


def _settle(seat: Seat, until: float) -> None:
    """Wait for the seat's helper to be up; the time of the picture starts after that."""
    try:
        seat.child(min(time.monotonic() + START_SECONDS, until))
    except Late as error:
        raise Busy(retry_after=math.ceil(START_SECONDS)) from error
