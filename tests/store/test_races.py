"""Real processes at once: a link is sent once, a counter counts everyone."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from imgsvc.errors import InUse, NotFound
from imgsvc.store import links, usage
from imgsvc.store.db import CONNECTIONS

NOW = 1_700_000_000.0


def test_each_link_is_sent_exactly_once(db, race):
    what = {"blob": "b" * 64, "mime": "image/png", "filename": "a.png", "size": 1}
    tokens = [links.make(db, **what, seconds=600, now=NOW).token for _ in range(60)]

    def work() -> list[str]:
        sent = []
        for token in tokens:
            try:
                if links.finish(db, links.claim(db, token, lease_seconds=30, now=NOW)):
                    sent.append(token)
            except (InUse, NotFound):
                continue
        return sent

    sent = [token for tokens_of_one in race(8, work) for token in tokens_of_one]
    assert sorted(sent) == sorted(tokens)


def test_one_of_all_claims_wins(db, race):
    what = {"blob": "b" * 64, "mime": "image/png", "filename": "a.png", "size": 1}
    tokens = [links.make(db, **what, seconds=600, now=NOW).token for _ in range(30)]

    def work() -> list[str]:
        outcomes = []
        for token in tokens:
            try:
                links.claim(db, token, lease_seconds=30, now=NOW)
                outcomes.append("won")
            except InUse:
                outcomes.append("in use")
        return outcomes

    by_token = list(zip(*race(8, work), strict=True))
    assert [Counter(outcomes) for outcomes in by_token] == [Counter({"won": 1, "in use": 7})] * 30


def test_a_counter_misses_nobody(db, race):
    hits = race(4, lambda: [usage.count(db, "a", window=60, now=NOW).hits for _ in range(100)])
    assert sorted(hit for hits_of_one in hits for hit in hits_of_one) == list(range(1, 401))


def test_threads_outnumbering_the_connections_all_get_their_turn(db):
    def work(_: int) -> list[int]:
        return [usage.count(db, "a", window=60, now=NOW).hits for _ in range(10)]

    with ThreadPoolExecutor(4 * CONNECTIONS) as threads:
        hits = list(threads.map(work, range(4 * CONNECTIONS)))
    assert sorted(hit for hits_of_one in hits for hit in hits_of_one) == list(range(1, 40 * CONNECTIONS + 1))


def test_what_a_transaction_read_holds_until_it_writes(sqlite, race):
    usage.count(sqlite, "a", window=60, now=NOW)

    def work() -> None:
        for _ in range(50):
            with sqlite.write() as connection:
                hits = connection.execute(text("SELECT hits FROM usage")).scalar_one()
                connection.execute(text("UPDATE usage SET hits = :hits"), {"hits": hits + 1})

    race(4, work)
    assert usage.count(sqlite, "a", window=60, now=NOW).hits == 202
