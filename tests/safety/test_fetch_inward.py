"""No URL, redirect or name turns the fetcher inward; one that checks first and fetches then is caught by the same test.

All run in a network where every address of IPv4 and IPv6 is this machine's and answers, so a visit cannot go unseen.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from imgsvc.errors import UrlNotAllowed

INWARD = Path(__file__).parent / "inward"
APART = ["unshare", "--net", "--mount", "--map-root-user", str(INWARD / "inside.sh")]
REFUSED = f"{UrlNotAllowed.code}: {UrlNotAllowed.sentence}"
GOT = "got picture"
"""What the public servers of that network say; the others say 'got secret'."""


@pytest.fixture(scope="module")
def report() -> dict[str, list[dict[str, Any]]]:
    """What run.py saw: for each kind of journey its ways, what was said, and who was visited."""
    if missing := [program for program in ("unshare", "ip") if shutil.which(program) is None]:
        pytest.skip(f"{missing[0]} is not installed, which makes networks")
    if subprocess.run([*APART, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make networks, or none with IPv6")
    done = subprocess.run(
        [*APART, sys.executable, str(INWARD / "run.py")], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_way_leads_inside(report):
    assert len({row["way"] for row in report["ours"]}) == len(report["ours"]) > 250
    assert [row for row in report["ours"] if row["inside"]] == []


def test_every_refusal_says_the_same(report):
    said = {row["said"] for row in report["ours"] if row["way"] != "four redirects"}
    assert said == {REFUSED, GOT}


def test_what_was_public_when_it_was_judged_was_fetched(report):
    """A name may have moved inside since: it was not asked again."""
    assert {row["way"] for row in report["ours"] if row["said"] == GOT} == {
        *(f"name: rebind-{n}.test" for n in range(4)),
        *(f"name: later-{n}.test" for n in range(2)),
        "name: flip.test",
        "some answers of flip.test",
        "redirect to a name that moved in",
        "redirect to itself, which moves in",
        "redirect to ///127.0.0.1/",
    }


def test_checking_first_and_fetching_then_is_caught(report):
    caught = {row["way"] for row in report["control"] if row["inside"]}
    assert {f"name: rebind-{n}.test" for n in range(4)} < caught
    assert {"redirect to http://127.0.0.1/", "two redirects to http://10.0.0.5/", "NAT64: 10.0.0.5"} < caught


def test_public_servers_are_reached(report):
    assert [row for row in report["good"] if row["said"] != GOT or row["inside"]] == []


def test_networks_that_the_operator_allows_are_reached(report):
    assert [row["inside"] for row in report["opened"] if row["said"] == "got secret"] == [
        ["10.0.0.5 80"],
        ["10.0.0.5 80"],
        ["10.0.0.5 80"],
        ["fd00::5 80"],
        ["127.0.0.1 80"],
    ]


def test_metadata_is_refused_even_then(report):
    assert {row["said"] for row in report["still"]} == {REFUSED}
    assert [row for row in report["still"] if row["inside"]] == []
