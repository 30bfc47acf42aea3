"""Sending a kept file: its lease is renewed while it goes, and nothing is given away twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from imgsvc.app import build
from imgsvc.engine.result import Result
from imgsvc.errors import InUse, NotFound
from imgsvc.service import CHUNK
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
def service(tmp_path, pool, clock):
    made = replace(build(Settings(instance=tmp_path), pool, clock), pause=lambda _: None)
    yield made
    made.database.close()


@pytest.fixture
def link(service):
    return service.keep(Result(DATA, "png", "image/png", 1, 1, 1, None, 9, "png", 1, 1), "a.png")


def test_a_file_arrives_whole_and_is_gone(service, link):
    assert b"".join(service.send(service.claim(link.token))) == DATA
    with pytest.raises(NotFound):
        service.look(link.token)
    assert list(service.blobs.ids()) == []


def test_a_slow_transfer_keeps_its_lease(service, link, clock):
    pieces = service.send(service.claim(link.token))
    taken = []
    for piece in pieces:
        taken.append(piece)
        clock.now += 20
        if len(taken) < 5:
            with pytest.raises(InUse):
                service.claim(link.token)
    assert b"".join(taken) == DATA


def test_a_transfer_that_lost_its_lease_ends(service, link, clock):
    pieces = service.send(service.claim(link.token))
    next(pieces)
    clock.now += 31
    second = service.send(service.claim(link.token))
    with pytest.raises(InUse):
        list(pieces)
    assert b"".join(second) == DATA


def test_a_released_link_is_free_at_once(service, link):
    claim = service.claim(link.token)
    pieces = service.send(claim)
    next(pieces)
    pieces.close()
    service.release(claim)
    assert b"".join(service.send(service.claim(link.token))) == DATA


def test_releasing_after_the_end_changes_nothing(service, link):
    claim = service.claim(link.token)
    list(service.send(claim))
    service.release(claim)
    with pytest.raises(NotFound):
        service.claim(link.token)


def test_who_asks_while_the_last_byte_goes_is_told_that_it_is_gone(service, link):
    pieces = service.send(service.claim(link.token))

    def finish(_seconds):
        list(pieces)

    patient = replace(service, pause=finish)
    with pytest.raises(NotFound):
        patient.claim(link.token)


def test_a_file_is_gone_only_when_it_has_arrived(service, link):
    answers = iter([True, True, False])
    held = []

    def pending():
        with pytest.raises(InUse):
            service.claim(link.token)
        held.append(len(list(service.blobs.ids())))
        return next(answers)

    assert b"".join(service.send(service.claim(link.token), pending)) == DATA
    assert held == [1, 1, 1]
    assert list(service.blobs.ids()) == []


def test_a_file_that_never_arrives_stays(service, link):
    def lost():
        raise ConnectionResetError

    claim = service.claim(link.token)
    with pytest.raises(ConnectionResetError):
        list(service.send(claim, lost))
    service.release(claim)
    assert b"".join(service.send(service.claim(link.token))) == DATA
