"""Uploads take memory as they arrive, and those that do not fit are told to come back."""

from __future__ import annotations

import pytest

from imgsvc.errors import Busy
from imgsvc.room import Room
from imgsvc.sandbox import Load


def test_a_room_holds_its_size_and_no_byte_more():
    room = Room(100)
    first, second = room.share(), room.share()
    first.grow(60)
    second.grow(40)
    with pytest.raises(Busy) as raised:
        second.grow(1)
    assert raised.value.retry_after
    first.end()
    first.end()
    second.grow(60)
    with pytest.raises(Busy):
        room.share().grow(1)


def test_an_upload_gives_its_room_back_however_it_ends(found, photo):
    site = found(upload_memory=1, max_body=10_000)
    for _ in range(10):
        assert site.post(b"x" * 10_000).status_code == 400
        assert site.post(photo + b"x" * 5000).status_code == 200


def test_uploads_beyond_the_room_are_told_to_come_back(found):
    class Waiting:
        """Stands where the pool stands; while one picture waits there, another comes."""

        def start(self):
            pass

        def load(self):
            return Load(helpers=1, running=0, waiting=0, restarts=0)

        def run(self, data, *_, **__):
            self.second = self.site.post(data)
            raise Busy(retry_after=1)

    pool = Waiting()
    pool.site = found(pool=pool, upload_memory=1, max_body=150_000)
    assert pool.site.post(b"x" * 150_000).status_code == 503
    assert (pool.second.status_code, pool.second.headers["Retry-After"]) == (503, "2")


class Unread:
    """A body that nobody may read."""

    def tell(self):
        return 0

    def seek(self, *_):
        return 1000

    def read(self, *_):
        raise AssertionError("read")


@pytest.mark.parametrize(("waiting", "status"), [(3, 503), (2, 500)])
def test_a_full_queue_refuses_an_upload_before_it_is_read(found, waiting, status):
    class Full:
        def start(self):
            pass

        def load(self):
            return Load(helpers=2, running=2, waiting=waiting, restarts=0, retry_after=9)

    site = found(pool=Full(), queue=3)
    answer = site.ask(
        "POST",
        "/api/v1/optimize",
        input_stream=Unread(),
        content_type="multipart/form-data; boundary=e",
        headers={"X-API-Key": site.key},
        environ_overrides={"CONTENT_LENGTH": "1000"},
    )
    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == ("9" if status == 503 else None)
