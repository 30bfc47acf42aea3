"""What is shipped: the wheel holds all it needs, and what the README says of settings and scores is true."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement

from imgsvc import ladder, settings
from imgsvc.cli import commands
from imgsvc.engine.recipe import LooksLike

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", "imgsvc", "templates")
UNWANTED = shutil.ignore_patterns("__pycache__")

VISIT = """
import sys
from pathlib import Path
import imgsvc
from imgsvc.app import create_app
from imgsvc.settings import Settings
assert sys.argv[1] in imgsvc.__file__, imgsvc.__file__
client = create_app(Settings(instance=Path(sys.argv[2]), database_url="")).test_client()
for path in ("/", "/static/page.css", "/static/page.js", "/health"):
    assert client.get(path).status_code == 200, path
"""


def python(*arguments: object, **options):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], check=False, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel of this checkout, made from a copy so that nothing is left in the tree."""
    if not any(Requirement(need).specifier.contains(metadata.version("setuptools")) for need in needs()):
        pytest.skip(f"setuptools {metadata.version('setuptools')} cannot build this project; the dev extra brings one")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SHIPPED:
        path = ROOT / name
        shutil.copytree(path, source / name, ignore=UNWANTED) if path.is_dir() else shutil.copy(path, source)
    made = python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source)
    assert made.returncode == 0, made.stderr
    (file,) = target.glob("*.whl")
    return file


def needs() -> list[str]:
    return PROJECT["build-system"]["requires"]


def tree(folder: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_and_the_page(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == tree("imgsvc") | {f"imgsvc/{name}" for name in tree("templates")}


def test_the_wheel_works_away_from_the_checkout(wheel, tmp_path):
    place = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(place)
    visit = python("-c", VISIT, place, tmp_path / "instance", cwd=tmp_path, env={"PYTHONPATH": str(place)})
    assert visit.returncode == 0, visit.stderr


def test_every_folder_with_code_is_named_as_a_package():
    found = {name.rpartition("/")[0].replace("/", ".") for name in tree("imgsvc") if name.endswith(".py")}
    assert {*found, "imgsvc.templates"} == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_dependency_is_pinned_within_its_range():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {canonical(pin.name): next(iter(pin.specifier)).version for pin in map(Requirement, lines)}
    extras = PROJECT["project"]["optional-dependencies"]["dev"]
    wanted = map(Requirement, [*PROJECT["project"]["dependencies"], *extras])
    assert [str(need) for need in wanted if not need.specifier.contains(pins.get(canonical(need.name), "0"))] == []


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_readme_holds_the_table_of_settings():
    assert settings.table() in (ROOT / "README.md").read_text()


def test_the_readme_holds_the_ladder():
    (row,) = re.findall(r"^\| promised score \|(.*)\|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    scores = [f"{goal.score:g}" if isinstance(goal, LooksLike) else "lossless" for goal in ladder.STEPS]
    assert [cell.strip() for cell in row.split("|")] == scores


@pytest.mark.parametrize("command", ["run", "test", "lint", "types", "check"])
def test_the_makefile_has_the_commands_that_the_papers_name(command):
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_readme_shows_every_command_with_its_options():
    shown = re.findall(r"^imgsvc [a-z].*(?:\n    .*)*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    for words, command in leaves(commands, "imgsvc"):
        names = [name for option in command.params for name in (*option.opts, *option.secondary_opts)]
        options = {name for name in names if name.startswith("--")}
        assert [set(re.findall(r"--[a-z-]+", line)) for line in shown if line.startswith(words)] == [options], words


def leaves(command: click.Command, words: str) -> Iterator[tuple[str, click.Command]]:
    """Every command below this one that does something, with the words that call it."""
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, f"{words} {name}")
    else:
        yield words, command
