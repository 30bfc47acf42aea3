"""Any order of making, claiming, giving up, finishing, waiting and sweeping, against a plain model of a link."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from imgsvc.errors import InUse, NotFound
from imgsvc.store import links
from imgsvc.store.db import Database

LEASE = 30.0
SECONDS = st.sampled_from([0.0, 1.0, 29.0, 30.0, 59.0, 61.0, 600.0])


class Model:
    """What one link ought to do."""

    def __init__(self, now: float, seconds: float) -> None:
        self.made, self.ends, self.busy_until = now, now + seconds, 0.0
        self.holder: links.Claim | None = None
        self.gone = False

    def alive(self, now: float) -> bool:
        return not self.gone and now < self.ends and now >= self.made - 60


class Links(RuleBasedStateMachine):
    tokens = Bundle("tokens")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database(f"sqlite:///{Path(self.folder.name) / 'test.sqlite3'}")
        self.db.upgrade()
        self.now = 1_000_000.0
        self.models: dict[str, Model] = {}

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    @rule(target=tokens, seconds=st.sampled_from([20.0, 100.0]))
    def make(self, seconds: float) -> str:
        blob = f"{len(self.models):064x}"
        link = links.make(self.db, blob=blob, mime="m", filename="f", size=1, seconds=seconds, now=self.now)
        self.models[link.token] = Model(self.now, seconds)
        return link.token

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=SECONDS)
    def set_the_clock_back(self, seconds: float) -> None:
        self.now -= seconds

    @rule(token=tokens)
    def peek(self, token: str) -> None:
        try:
            links.peek(self.db, token, self.now)
            found = True
        except NotFound:
            found = False
        assert found == self.models[token].alive(self.now)

    @rule(target=claims, token=tokens)
    def claim(self, token: str) -> tuple[str, links.Claim | None]:
        model, claim = self.models[token], None
        try:
            claim = links.claim(self.db, token, lease_seconds=LEASE, now=self.now)
            assert model.alive(self.now)
            assert model.busy_until <= self.now
            model.holder, model.busy_until = claim, self.now + LEASE
        except NotFound:
            assert not model.alive(self.now)
        except InUse:
            assert model.alive(self.now)
            assert model.busy_until > self.now
        return token, claim

    @rule(held=claims)
    def extend(self, held: tuple[str, links.Claim | None]) -> None:
        model = self.models[held[0]]
        if held[1] and links.extend(self.db, held[1], lease_seconds=LEASE, now=self.now) == self.holds(held):
            model.busy_until = self.now + LEASE if self.holds(held) else model.busy_until
        else:
            assert held[1] is None

    @rule(held=claims)
    def release(self, held: tuple[str, links.Claim | None]) -> None:
        if held[1]:
            assert links.release(self.db, held[1]) == self.holds(held)
            if self.holds(held):
                self.models[held[0]].holder, self.models[held[0]].busy_until = None, 0.0

    @rule(held=claims)
    def finish(self, held: tuple[str, links.Claim | None]) -> None:
        if held[1]:
            assert links.finish(self.db, held[1]) == self.holds(held)
            self.models[held[0]].gone |= self.holds(held)

    @rule()
    def clear(self) -> None:
        links.clear(self.db, self.now)
        for model in self.models.values():
            over = self.now >= model.ends and self.now >= model.busy_until
            model.gone |= over or self.now < model.made - 60

    @invariant()
    def blobs_are_those_of_living_rows(self) -> None:
        kept = {f"{n:064x}" for n, model in enumerate(self.models.values()) if not model.gone}
        assert links.blobs(self.db) == kept

    def holds(self, held: tuple[str, links.Claim | None]) -> bool:
        model = self.models[held[0]]
        return held[1] is not None and not model.gone and model.holder == held[1]


TestLinks = Links.TestCase
TestLinks.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
