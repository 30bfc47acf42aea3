"""Sending a kept file: its lease is renewed while it goes, and nothing is given away twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgsvc.app import build
from imgsvc.downloads import CHUNK
from imgsvc.engine.result import Result
from imgsvc.errors import InUse, NotFound
from imgsvc.settings import Settings

DATA = bytes(range(256)) * (5 * CHUNK // 256)


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def downloads(tmp_path, pool, clock):
    made = replace(build(Settings(instance=tmp_path), pool, clock).downloads, pause=lambda _: None)
    yield made
    made.database.close()


@pytest.fixture
def link(downloads):
    return downloads.keep(Result(DATA, "png", "image/png", 1, 1, 1, None, 9, "png", 1, 1), "a.png")


def test_a_file_arrives_whole_and_is_gone(downloads, link):
    assert b"".join(downloads.send(downloads.claim(link.token))) == DATA
    with pytest.raises(NotFound):
        downloads.look(link.token)
    assert list(downloads.blobs.ids()) == []


def test_a_slow_transfer_keeps_its_lease(downloads, link, clock):
    pieces = downloads.send(downloads.claim(link.token))
    taken = []
    for piece in pieces:
        taken.append(piece)
        clock.now += 20
        if len(taken) < 5:
            with pytest.raises(InUse):
                downloads.claim(link.token)
    assert b"".join(taken) == DATA


def test_a_transfer_that_lost_its_lease_ends(downloads, link, clock):
    pieces = downloads.send(downloads.claim(link.token))
    next(pieces)
    clock.now += 31
    second = downloads.send(downloads.claim(link.token))
    with pytest.raises(InUse):
        list(pieces)
    assert b"".join(second) == DATA


def test_a_released_link_is_free_at_once(downloads, link):
    claim = downloads.claim(link.token)
    pieces = downloads.send(claim)
    next(pieces)
    pieces.close()
    downloads.release(claim)
    assert b"".join(downloads.send(downloads.claim(link.token))) == DATA


def test_releasing_after_the_end_changes_nothing(downloads, link):
    claim = downloads.claim(link.token)
    list(downloads.send(claim))
    downloads.release(claim)
    with pytest.raises(NotFound):
        downloads.claim(link.token)


def test_who_asks_while_the_last_byte_goes_is_told_that_it_is_gone(downloads, link):
    pieces = downloads.send(downloads.claim(link.token))

    def finish(_seconds):
        list(pieces)

    patient = replace(downloads, pause=finish)
    with pytest.raises(NotFound):
        patient.claim(link.token)


def test_a_file_is_gone_only_when_it_has_arrived(downloads, link):
    answers = iter([True, True, False])
    held = []

    def pending():
        with pytest.raises(InUse):
            downloads.claim(link.token)
        held.append(len(list(downloads.blobs.ids())))
        return next(answers)

    assert b"".join(downloads.send(downloads.claim(link.token), pending)) == DATA
    assert held == [1, 1, 1]
    assert list(downloads.blobs.ids()) == []


def test_a_file_that_never_arrives_stays(downloads, link):
    def lost():
        raise ConnectionResetError

    claim = downloads.claim(link.token)
    with pytest.raises(ConnectionResetError):
        list(downloads.send(claim, lost))
    downloads.release(claim)
    assert b"".join(downloads.send(downloads.claim(link.token))) == DATA
