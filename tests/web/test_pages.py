"""The page and the paths that machines watch."""

from __future__ import annotations

import re

import pytest

import imgsvc
from imgsvc.sandbox import Load


@pytest.mark.parametrize("public", [True, False])
def test_the_page_knows_its_limits_and_whether_a_key_is_needed(found, public):
    site = found(public=public, max_bytes=12345)
    text = site.get("/").text
    assert imgsvc.__version__ in text
    assert "12345" in text
    assert ('id="key"' in text) is not public


def test_what_the_page_loads_is_there_and_allowed(site):
    answer = site.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    loaded = re.findall(r'(?:src|href)="(/[^"#]*)"', answer.text)
    assert len(loaded) >= 3
    for path in loaded:
        assert site.get(path).status_code == 200
    assert not re.search(
        r"""<script(?![^>]*\bsrc=)|\bon[a-z]+=["']|\bstyle=["']|https?://(?!www\.w3\.org)""", answer.text
    )


def test_health_tells_version_database_and_queue(site):
    answer = site.get("/health")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["version"] == imgsvc.__version__
    assert answer.json["helpers"] == 2
    assert {"database", "running", "waiting"} <= set(answer.json)


def test_health_tells_which_fences_are_up(site, photo):
    site.post(photo)
    fences = site.get("/health").json["fences"]
    assert list(fences) == ["sizes", "privileges", "files", "calls"]
    assert fences["sizes"] is True


def test_a_full_queue_is_well_but_not_ready(found):
    class Full:
        def start(self):
            pass

        def load(self):
            return Load(helpers=2, running=2, waiting=3, restarts=0)

    site = found(pool=Full(), queue=3)
    assert site.get("/health").status_code == 200
    assert (site.get("/ready").status_code, site.get("/ready").json) == (503, {"status": "busy"})


def test_a_lost_database_is_not_well(found):
    site = found()
    for file in site.settings.instance.glob("imgsvc.sqlite3*"):
        file.unlink()
    (site.settings.instance / "imgsvc.sqlite3").mkdir()
    answer = site.get("/health")
    assert answer.status_code in (500, 503)
    assert list(answer.json) == ["error"]


def test_robots_stay_away_from_links(site):
    assert "Disallow: /download.php" in site.get("/robots.txt").text
