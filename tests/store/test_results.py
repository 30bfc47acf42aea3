"""The shelves of results: their room, their clocks, what is swept, and what damages them."""

from __future__ import annotations

import shutil
import socket
import time

import pytest
from sqlalchemy import update

from imgsvc.errors import NotFound
from imgsvc.settings import SettingsError
from imgsvc.store import facts, results
from imgsvc.store.cache import Cache, Made
from imgsvc.store.cache import shelf as made_shelf
from imgsvc.store.janitor import Swept, sweep
from imgsvc.store.results import LEASE, SHARE, DatabaseShelf, Entry, Failed, Making
from imgsvc.store.results_redis import RedisShelf
from imgsvc.store.schema import RESULTS

SIZE = 10_000
NAMES = [f"{number:064x}" for number in range(40)]
ERROR = {"code": "bad_picture", "message": "It is broken.", "retry_after": None}


def put(shelf, name, now, size=SIZE, seconds=10**6):
    assert shelf.claim(name, "f" * 32, now)
    shelf.keep(name, "f" * 32, Entry(bytes(size), {}, now, now + seconds), now)


def kept(shelf, now):
    return [name for name in NAMES if isinstance(shelf.look(name, now), Entry)]


@pytest.fixture
def now():
    return time.time()


def test_the_least_recently_used_make_room(shelf, now):
    opened = shelf(room=10 * SIZE + 2000)
    for turn, name in enumerate(NAMES):
        put(opened, name, now + turn * 400)
        opened.look(NAMES[0], now + turn * 400)
    last = now + len(NAMES) * 400
    assert kept(opened, last) == [NAMES[0], *NAMES[-9:]]


def test_what_takes_too_much_room_is_not_kept(shelf, now):
    opened = shelf(room=SIZE * SHARE)
    put(opened, NAMES[0], now, size=SIZE + 1)
    assert opened.look(NAMES[0], now) is None
    put(opened, NAMES[0], now, size=SIZE - 100)
    assert isinstance(opened.look(NAMES[0], now), Entry)


def test_without_room_nothing_is_kept(shelf, now):
    opened = shelf(room=0)
    put(opened, NAMES[0], now, size=1)
    assert opened.look(NAMES[0], now) is None


def test_one_of_all_makers_gets_the_place(shelf, now):
    opened = shelf()
    assert opened.look(NAMES[0], now) is None
    assert [opened.claim(NAMES[0], fence, now) for fence in "abc"] == [True, False, False]
    assert opened.look(NAMES[0], now) == Making("a")
    opened.fail(NAMES[0], "b", ERROR, now)
    opened.keep(NAMES[0], "b", Entry(b"", {}, now, now + 10), now)
    assert opened.look(NAMES[0], now) == Making("a")
    opened.fail(NAMES[0], "a", ERROR, now)
    assert opened.look(NAMES[0], now) == Failed("a", ERROR)
    assert opened.claim(NAMES[0], "b", now)
    assert opened.look(NAMES[0], now) == Making("b")
    opened.keep(NAMES[0], "b", Entry(b"x", {"a": 1}, now, now + 10), now)
    assert opened.look(NAMES[0], now) == Entry(b"x", {"a": 1}, now, now + 10)
    assert not opened.claim(NAMES[0], "c", now)


def test_a_maker_that_was_replaced_keeps_nothing(db, blobs, now):
    shelf = DatabaseShelf(db, blobs, room=10**6)
    assert shelf.claim(NAMES[0], "slow", now)
    assert not shelf.claim(NAMES[0], "heir", now + LEASE - 0.1)
    shelf.extend(NAMES[0], "slow", now + LEASE - 0.1)
    assert not shelf.claim(NAMES[0], "heir", now + LEASE + 0.1)
    assert shelf.claim(NAMES[0], "heir", now + 2 * LEASE)
    shelf.keep(NAMES[0], "slow", Entry(b"slow", {}, now, now + 100), now + 2 * LEASE)
    assert shelf.look(NAMES[0], now + 2 * LEASE) == Making("heir")
    assert list(blobs.ids()) == []


def test_an_expired_result_is_made_anew_and_swept(db, blobs, now):
    shelf = DatabaseShelf(db, blobs, room=10**6)
    put(shelf, NAMES[0], now, seconds=100)
    put(shelf, NAMES[1], now, seconds=10_000)
    assert isinstance(shelf.look(NAMES[0], now + 99.9), Entry)
    assert shelf.look(NAMES[0], now + 100) is None
    assert sweep(db, blobs, now=now + 99) == Swept(0, 0, 0, 0)
    assert sweep(db, blobs, now=now + 100) == Swept(0, 1, 0, 1)
    assert {blob for blob, _ in blobs.ids()} == results.blobs(db)
    assert sweep(db, blobs, now=now + 9_000) == Swept(0, 0, 0, 0)
    assert kept(shelf, now + 9_000) == [NAMES[1]]


def test_places_of_the_dead_and_of_errors_are_swept(db, blobs, now):
    shelf = DatabaseShelf(db, blobs, room=10**6)
    shelf.claim(NAMES[0], "dead", now)
    shelf.claim(NAMES[1], "failed", now)
    shelf.fail(NAMES[1], "failed", ERROR, now)
    assert results.clear(db, now + 1) == []
    assert shelf.look(NAMES[1], now + 1) == Failed("failed", ERROR)
    assert results.clear(db, now + 61) == []
    assert shelf.look(NAMES[1], now + 61) is None


def test_a_clock_set_back_ends_results_and_leases_of_the_future(db, blobs, now):
    shelf = DatabaseShelf(db, blobs, room=10**6)
    put(shelf, NAMES[0], now)
    shelf.claim(NAMES[1], "future", now)
    assert kept(shelf, now - 59) == [NAMES[0]]
    assert kept(shelf, now - 61) == []
    assert shelf.claim(NAMES[0], "a", now - 3600)
    assert shelf.claim(NAMES[1], "b", now - 3600)


def test_a_result_whose_file_is_gone_is_made_anew(db, blobs):
    cache = Cache(DatabaseShelf(db, blobs, room=10**6))
    cache.get("a", lambda gone: Made(b"one", {}, 100), seconds=10)
    shutil.rmtree(blobs.folder)
    assert cache.get("a", lambda gone: Made(b"two", {}, 100), seconds=10)[0].data == b"two"
    assert cache.get("a", lambda gone: Made(b"three", {}, 100), seconds=10)[0].data == b"two"


@pytest.mark.parametrize("damage", ["file", "note"])
def test_a_result_that_is_damaged_is_made_anew(db, blobs, damage):
    cache = Cache(DatabaseShelf(db, blobs, room=10**6), report=lambda error: pytest.fail(repr(error)))
    cache.get("a", lambda gone: Made(b"one", {}, 100), seconds=10)
    if damage == "file":
        next(path for path in blobs.folder.rglob("*") if path.is_file() and path.read_bytes() == b"one").write_bytes(
            b"o"
        )
    else:
        with db.write() as connection:
            connection.execute(update(RESULTS).values(note="{"))
    assert cache.get("a", lambda gone: Made(b"two", {}, 100), seconds=10)[0].data == b"two"
    assert cache.get("a", lambda gone: Made(b"three", {}, 100), seconds=10)[0].data == b"two"


@pytest.mark.parametrize("value", [b"{", b"[]\nx", b'{"more": 1}\nx'])
def test_what_another_wrote_into_redis_is_made_anew(shelf, now, value):
    opened = shelf()
    if not isinstance(opened, RedisShelf):
        pytest.skip("not Redis")
    put(opened, NAMES[0], now)
    opened._redis.set(opened._key("data", NAMES[0]), value)
    assert opened.look(NAMES[0], now) is None
    assert opened.claim(NAMES[0], "again", now)


def test_nothing_is_kept_where_the_disk_is_nearly_full(db, blobs, now):
    free = shutil.disk_usage(blobs.folder.parent).free
    shelf = DatabaseShelf(db, blobs, room=10**6, reserve=2 * free)
    put(shelf, NAMES[0], now)
    assert shelf.look(NAMES[0], now) is None
    assert shelf.claim(NAMES[0], "again", now)


def test_what_makes_room_takes_its_files_along(db, blobs, now):
    shelf = DatabaseShelf(db, blobs, room=SIZE * SHARE)
    for turn, name in enumerate(NAMES):
        put(shelf, name, now + turn)
    assert {blob for blob, _ in blobs.ids()} == results.blobs(db)
    assert len(results.blobs(db)) == SHARE
    with pytest.raises(NotFound):
        blobs.open("0" * 64)


def test_the_settings_choose_the_shelf(db, blobs):
    pytest.importorskip("redis", reason="Redis needs the package redis")
    here, there = (made_shelf(db, blobs, redis_url=url, room=1, reserve=0) for url in ("", "redis://127.0.0.1:6379/0"))
    assert (type(here), type(there)) == (DatabaseShelf, RedisShelf)


@pytest.mark.parametrize("url", ["", "nonsense", "http://127.0.0.1", "postgresql://secret@h/n"])
def test_what_is_no_redis_is_told_without_repeating_it(url):
    pytest.importorskip("redis", reason="Redis needs the package redis")
    with pytest.raises(SettingsError, match="IMGSVC_REDIS_URL: not a URL, expected redis://") as caught:
        RedisShelf(url, room=1)
    assert "secret" not in str(caught.value)


def test_a_redis_that_is_not_there_fails_nobody():
    pytest.importorskip("redis", reason="Redis needs the package redis")
    reported: list[Exception] = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    cache = Cache(RedisShelf(f"redis://127.0.0.1:{port}", room=10**6), report=reported.append)
    assert cache.get("a", lambda gone: Made(b"one", {}, 100), seconds=10)[0].data == b"one"
    assert len(reported) == 1


def test_an_installation_has_one_name(db, race):
    names = race(4, lambda: facts.name(db))
    assert len({*names, facts.name(db)}) == 1
    assert len(bytes.fromhex(names[0])) == 4
