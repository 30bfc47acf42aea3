"""The one-shot life of a link: ready, sending under a lease, gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgsvc.errors import InUse, NotFound
from imgsvc.store import links

NOW = 1_700_000_000.0
WHAT = {"blob": "b" * 64, "mime": "image/png", "filename": "a ö.png", "size": 6_000_000_000}


def make(db, now=NOW):
    return links.make(db, **WHAT, seconds=600, now=now).token


def claim(db, token, now=NOW + 1):
    return links.claim(db, token, lease_seconds=30, now=now)


def test_a_link_says_what_it_sends(db):
    link = links.make(db, **WHAT, seconds=600, now=NOW)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", link.token)
    assert link.expires_at == NOW + 600
    assert links.peek(db, link.token, NOW + 1) == links.Offer(**WHAT)
    held = claim(db, link.token)
    assert (held.blob, held.mime, held.filename, held.size) == tuple(WHAT.values())


def test_peeking_uses_nothing_up(db):
    token = make(db)
    for _ in range(3):
        links.peek(db, token, NOW + 1)
    assert links.finish(db, claim(db, token))


def test_while_it_is_sent_others_wait(db):
    token = make(db)
    held = claim(db, token)
    with pytest.raises(InUse) as caught:
        claim(db, token)
    assert caught.value.retry_after == 5
    assert links.peek(db, token, NOW + 2) == links.Offer(**WHAT)
    assert links.finish(db, held)


def test_unknown_expired_fetched_and_malformed_look_alike(db):
    fetched, expired = make(db), make(db, NOW - 600)
    links.finish(db, claim(db, fetched))
    seen = set()
    for token in (fetched, expired, "a" * 43, "", "../../etc/passwd", "\0\ud800", fetched + "\n", "x" * 100_000):
        for ask in (lambda t=token: claim(db, t), lambda t=token: links.peek(db, t, NOW + 1)):
            with pytest.raises(NotFound) as caught:
                ask()
            seen.add((caught.value.message, caught.value.retry_after))
    assert len(seen) == 1


def test_a_link_lives_until_its_last_moment(db):
    token = make(db)
    assert links.peek(db, token, NOW + 599.9)
    with pytest.raises(NotFound):
        links.peek(db, token, NOW + 600)
    assert claim(db, token, NOW + 599.9)


def test_released_it_can_be_claimed_at_once(db):
    token = make(db)
    first = claim(db, token)
    assert links.release(db, first)
    second = claim(db, token)
    assert not links.finish(db, first)
    assert not links.release(db, first)
    assert links.finish(db, second)


def test_a_dead_sender_blocks_no_longer_than_its_lease(db):
    token = make(db)
    dead = claim(db, token, NOW)
    with pytest.raises(InUse):
        claim(db, token, NOW + 29.9)
    alive = claim(db, token, NOW + 30)
    assert not links.finish(db, dead)
    assert not links.extend(db, dead, lease_seconds=30, now=NOW + 31)
    assert links.finish(db, alive)


def test_a_late_sender_that_nobody_replaced_still_finishes(db):
    token = make(db)
    held = claim(db, token, NOW)
    assert links.finish(db, held)
    with pytest.raises(NotFound):
        claim(db, token, NOW + 500)


def test_a_long_transfer_keeps_its_lease(db):
    token = make(db)
    held = claim(db, token, NOW)
    assert links.extend(db, held, lease_seconds=30, now=NOW + 25)
    with pytest.raises(InUse):
        claim(db, token, NOW + 40)
    assert links.finish(db, held)
    assert not links.extend(db, held, lease_seconds=30, now=NOW + 26)


def test_a_clock_set_back_ends_links_of_the_future(db):
    token = make(db)
    assert links.peek(db, token, NOW - 60)
    for ask in (lambda: links.peek(db, token, NOW - 61), lambda: claim(db, token, NOW - 3600)):
        with pytest.raises(NotFound):
            ask()


def test_links_do_not_touch_each_other(db):
    one, two = make(db), make(db)
    held = claim(db, one)
    assert links.finish(db, claim(db, two))
    assert links.finish(db, held)


def test_the_token_is_in_no_file(sqlite, tmp_path: Path):
    token = make(sqlite)
    links.release(sqlite, claim(sqlite, token))
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert WHAT["blob"].encode() in raw
    assert token.encode() not in raw
