"""The command line: keys, files, what it refuses, and what it never does to a source."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from imgsvc.cli import main
from imgsvc.cli.text import size, table
from imgsvc.engine.codecs import CODECS
from imgsvc.engine.tools import inventory
from imgsvc.settings import MIB, Settings
from imgsvc.store import keys
from imgsvc.store.db import Database


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def instance(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("IMGSVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IMGSVC_INSTANCE", str(tmp_path / "instance"))
    return tmp_path / "instance"


@pytest.fixture
def imgsvc(instance, capsys):
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(end.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def database(instance):
    made = Database(Settings(instance=instance).database)
    yield made
    made.close()


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(imgsvc, database):
    made = imgsvc("keys", "create", "shop", "--max-bytes", 5 * MIB, "--max-width", 4000, "--json").json
    assert keys.find(database, made["key"]).max_bytes == 5 * MIB
    listed = imgsvc("keys", "list", "--json")
    assert [(one["id"], one["name"], one["active"], one["max_width"]) for one in listed.json] == [
        (made["id"], "shop", True, 4000)
    ]
    assert made["key"] not in listed.out
    assert imgsvc("keys", "revoke", made["id"]).status == 0
    assert not keys.find(database, made["key"]).active
    assert "no" in imgsvc("keys", "list").out.split()


def test_a_key_made_for_people_is_printed_whole(imgsvc, database):
    said = imgsvc("keys", "create", "mine").out
    (secret,) = [word for word in said.split() if word.startswith("opt_")]
    assert keys.find(database, secret).name == "mine"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("keys", "create", "big", "--max-bytes", 64 * MIB + 1), "--max-bytes"),
        (("keys", "create", ""), "name"),
        (("keys", "create", "x", "--max-width", 0), "--max-width"),
        (("keys", "revoke", "nobody"), "nobody"),
        (("optimize", "a.png", "--quality", 11), "--quality"),
        (("optimize", "a.png", "--format", "bmp"), "--format"),
        (("optimize", "a.png", "--ratio", "0x10"), "--ratio"),
        (("optimize", "a.png", "--ratio", "10"), "--ratio"),
        (("optimize", "a.png", "--method", "crop"), "--ratio"),
        (("optimize", "a.png", "--ratio", "9x9", "--keep", "auto"), "--keep"),
        (("optimize", "a.png", "--ratio", "9x9", "--method", "crop", "--keep", "0.5,1.1"), "--keep"),
        (("optimize", "a.png", "--ratio", "9x9", "--method", "pad", "--background", "red"), "--background"),
        (("optimize", "a.png", "--quality", 5, "--max-bytes", 100), "--max-bytes"),
        (("optimize",), "FILES"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(imgsvc, arguments, named):
    done = imgsvc(*arguments)
    assert done.status in (1, 2)
    assert named in done.err
    assert "Traceback" not in done.err


def test_a_bad_setting_is_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "imgsvc.cli", "keys", "list"],
        env={**os.environ, "IMGSVC_INSTANCE": str(tmp_path), "IMGSVC_PROT": "80"},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("imgsvc: unknown setting IMGSVC_PROT")
    assert len(done.stderr.splitlines()) == 1


def test_results_go_next_to_their_sources_which_stay(imgsvc, picture, opened, tmp_path):
    photo, drawing = tmp_path / "photo.JPEG", tmp_path / "drawing.png"
    sources = {photo: picture("JPEG", quality=95), drawing: picture("PNG")}
    for path, data in sources.items():
        path.write_bytes(data)
    done = imgsvc("optimize", photo, drawing, "--json")
    assert done.status == 0
    assert [one["output"] for one in done.json] == [str(tmp_path / "photo.opt.JPEG"), str(tmp_path / "drawing.opt.png")]
    for (path, data), one in zip(sources.items(), done.json, strict=True):
        assert path.read_bytes() == data
        result = Path(one["output"]).read_bytes()
        assert len(result) == one["optimized_size"] < one["original_size"] == len(data)
        assert opened(result).size == opened(data).size
        assert one["score"] >= 69
        assert one["passes"]


def test_a_folder_a_format_and_a_box(imgsvc, picture, opened, tmp_path):
    source = tmp_path / "a.png"
    source.write_bytes(picture())
    done = imgsvc("optimize", source, "--format", "jpeg", "--ratio", "24X24", "--out", tmp_path / "new" / "folder")
    assert done.status == 0
    assert "[" in done.out
    result = opened((tmp_path / "new" / "folder" / "a.jpg").read_bytes())
    assert (result.format, result.size) == ("JPEG", (24, 16))


def test_a_cut_around_a_point_of_what_was_framed(imgsvc, opened, tmp_path):
    source = tmp_path / "a.bmp"
    image = Image.new("RGB", (60, 30), "#010203")
    image.paste("#ff0000", (10, 5, 30, 25))
    image.paste("#0000ff", (30, 5, 50, 25))
    image.save(source)
    args = ("optimize", source, "--format", "png", "--ratio", "10x10", "--trim", "--method", "crop", "--keep", "1,.5")
    assert imgsvc(*args).status == 0
    cut = opened((tmp_path / "a.opt.png").read_bytes()).convert("RGB")
    assert cut.size == (10, 10)
    assert cut.getpixel((4, 0)) == cut.getpixel((9, 9)) == (0, 0, 255)


def test_margins_have_the_colour_asked_for(imgsvc, opened, tmp_path):
    source = tmp_path / "a.bmp"
    Image.new("RGB", (40, 20), "#ff0000").save(source)
    args = ("optimize", source, "--format", "png", "--ratio", "80x80", "--method", "pad", "--background", "#00ff00")
    assert imgsvc(*args).status == 0
    padded = opened((tmp_path / "a.opt.png").read_bytes()).convert("RGB")
    assert [padded.getpixel((40, y)) for y in (0, 40, 79)] == [(0, 255, 0), (255, 0, 0), (0, 255, 0)]


def test_auto_names_the_file_after_the_format_that_won(imgsvc, picture, opened, tmp_path):
    source = tmp_path / "a.bmp"
    source.write_bytes(picture("BMP"))
    (one,) = imgsvc("optimize", source, "--format", "AUTO", "--json").json
    result = tmp_path / f"a.opt.{one['output_format']}"
    assert one["output"] == str(result)
    assert Image.MIME[opened(result.read_bytes()).format].endswith(one["output_format"].replace("jpg", "jpeg"))
    assert one["score"] >= 70


def test_a_number_of_bytes_is_kept(imgsvc, picture, tmp_path):
    source = tmp_path / "a.png"
    source.write_bytes(picture(size=(200, 150)))
    (one,) = imgsvc("optimize", source, "--format", "webp", "--max-bytes", 1500, "--json").json
    assert one["optimized_size"] <= 1500


def test_one_bad_file_does_not_stop_the_others(imgsvc, picture, tmp_path):
    bad, good, absent = tmp_path / "bad.png", tmp_path / "good.png", tmp_path / "absent.png"
    bad.write_bytes(b"not a picture")
    good.write_bytes(picture())
    done = imgsvc("optimize", bad, good, absent, tmp_path)
    assert done.status == 1
    assert (tmp_path / "good.opt.png").exists()
    assert str(good) in done.out
    assert "1 optimised" in done.out
    assert [str(path) in done.err for path in (bad, absent, tmp_path)] == [True] * 3
    assert "Traceback" not in done.err
    errors = [one["error"] for one in imgsvc("optimize", bad, good, "--json").json]
    assert errors[0]
    assert errors[1] is None


def test_no_source_and_no_other_result_is_overwritten(imgsvc, picture, tmp_path):
    here, there = tmp_path / "here" / "a.png", tmp_path / "there" / "a.png"
    for number, path in enumerate((here, there)):
        path.parent.mkdir()
        path.write_bytes(picture(size=(40 + number, 30)))
    before = here.read_bytes()
    onto_itself = imgsvc("optimize", here, "--out", here.parent)
    assert onto_itself.status == 1
    assert "overwrite" in onto_itself.err
    assert here.read_bytes() == before
    link = tmp_path / "linked" / "a.png"
    link.parent.mkdir()
    link.symlink_to(here)
    assert imgsvc("optimize", here, "--out", link.parent).status == 1
    assert here.read_bytes() == before
    both = imgsvc("optimize", here, there, "--out", tmp_path / "out").err
    assert "already the result of" in both


def test_doctor_names_every_tool_and_format_and_the_changed_settings(imgsvc, monkeypatch, instance):
    monkeypatch.setenv("IMGSVC_PORT", "8123")
    monkeypatch.setenv("IMGSVC_DATABASE_URL", f"sqlite+pysqlite:///{instance}/other.sqlite3")
    done = imgsvc("doctor")
    words = done.out.split()
    assert {codec.name for codec in CODECS} <= set(words)
    assert {tool.name for tool in inventory()} <= set(words)
    assert "SQLite" in words
    assert "8123" in words
    assert "IMGSVC_HOST" not in words
    missing = [tool for tool in inventory() if tool.version is None and not tool.extra]
    assert done.status == (1 if missing or "corrupt" in words else 0)
    assert not instance.exists()


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (1536, "1.5 kB"), (2 * MIB, "2.0 MB"), (5000 * MIB, "4.9 GB")],
)
def test_sizes_as_people_read_them(count, words):
    assert size(count) == words


def test_columns_are_aligned():
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"
