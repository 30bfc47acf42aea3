"""Helpers that cannot start: everybody is told that the service is out of order, and not that it is busy."""

from __future__ import annotations

import pytest

from imgsvc.sandbox import Pool
from imgsvc.sandbox.child import command
from imgsvc.settings import MIB


@pytest.fixture
def broken(tmp_path):
    """A pool whose helpers find no engine, and what it reported."""
    told = []
    made = Pool(
        tmp_path / "jobs",
        helpers=2,
        queue=4,
        memory=2048 * MIB,
        command=command("no.such.engine"),
        report=told.append,
    )
    yield made, told
    made.close()


def test_a_broken_installation_says_what_is_wrong(found, photo, broken, eventually):
    pool, told = broken
    site = found(pool=pool)
    assert site.get("/health").json["status"] == "ok"
    eventually(lambda: site.get("/ready").json["status"] == "degraded", 20)
    assert site.get("/ready").status_code == 503
    health = site.get("/health")
    assert (health.status_code, health.json["status"]) == (200, "degraded")
    assert all("No module named 'no'" in note for note in health.json["notes"])
    assert len(health.json["notes"]) == 2
    assert any("No module named 'no'" in why for why in told)
    answer = site.post(photo)
    assert answer.status_code == 503
    assert answer.json["error"].startswith("The server cannot optimise pictures right now")
    assert int(answer.headers["Retry-After"]) >= 1
    line = site.lines()[-1]
    assert (line["level"], line["error"]) == ("error", "out_of_order")


def test_the_fences_are_known_before_a_helper_is_up(found, broken):
    pool, _ = broken
    site = found(pool=pool)
    assert site.get("/health").json["fences"] == {}
    pool.survey()
    assert list(site.get("/health").json["fences"]) == ["sizes", "privileges", "files", "calls"]


def test_a_sound_installation_has_no_notes(site, photo):
    assert site.post(photo).status_code == 200
    for path in ("/health", "/ready"):
        assert "notes" not in site.get(path).json
    assert site.get("/ready").json["status"] == "ready"


def test_it_is_told_before_anybody_asks(found, broken, eventually):
    pool, told = broken
    # Any request sets the process to work; nobody asks for a picture or for health after that.
    assert found(pool=pool).get("/robots.txt").status_code == 200
    eventually(lambda: told, 20)
