"""Imports go downward only; no module grows past what a reader takes in at once."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "gateway").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))

RANKS = {
    "config": 0,
    "setting_checks": 0,
    "errors": 0,
    "json_text": 0,
    "normal": 0,
    "conflicts": 1,
    "contract": 1,
    "formats": 1,
    "hookspecs": 2,
    "models": 2,
    "database": 2,
    "driver": 1,
    "turns": 1,
    "sqlite_log": 3,
    "files": 2,
    "sealing": 2,
    "hooks": 3,
    "kept": 3,
    "plugin_modules": 5,
    "outage": 3,
    "": 3,  # gateway/__init__.py, the face for plugins
    "repeats": 3,
    "schema": 4,
    "matching": 4,
    "respond": 4,
    "auth": 4,
    "journal": 4,
    "spool": 4,
    "replies": 5,
    "store": 5,
    "registry": 6,
    "readiness": 5,
    "spooling": 6,
    "commands": 6,
    "page": 6,
    "conformance": 7,
    "dispatch": 7,
    "transport": 8,
    "new_fields": 9,
    "draining": 9,
    "replaying": 9,
    "importing": 9,
    "exporting": 9,
    "app": 9,
    "background": 10,
    "cli": 10,
    "testing": 10,
}
LONGEST = 300
OWN_PLUGIN_TESTS = "test_"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def topic(path: Path) -> str:
    """Return the module or package at the top of gateway/ that the file belongs to."""
    first = path.relative_to(ROOT / "gateway").parts[0]
    return first.removesuffix(".py").replace("__init__", "")


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that the file imports when it runs."""
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer that they reach"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def imported_topics(path: Path) -> Iterator[str]:
    """Yield the own modules at the top that the file imports."""
    for full_name in imports(path):
        package, *rest = full_name.split(".")
        if package == "config":
            yield "config"
        elif package == "gateway":
            yield rest[0] if rest and rest[0] in RANKS else ""


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_module_imports_only_downward(path: Path) -> None:
    here = topic(path)
    upward = {
        other for other in imported_topics(path) if other != here and RANKS[other] >= RANKS[here]
    }
    assert upward == set()


def test_every_module_has_a_rank() -> None:
    assert {topic(path) for path in MODULES} <= RANKS.keys()


@pytest.mark.parametrize(
    "path", [path for path in MODULES if RANKS[topic(path)] < RANKS["transport"]], ids=name
)
def test_flask_is_not_known_below_transport(path: Path) -> None:
    packages = {full_name.partition(".")[0] for full_name in imports(path)}
    assert "flask" not in packages
    assert topic(path) == "models" or "flask_sqlalchemy" not in packages


@pytest.mark.parametrize(
    "path", [path for path in PLUGINS if not path.name.startswith(OWN_PLUGIN_TESTS)], ids=name
)
def test_plugin_imports_the_gateway_face_and_marshmallow_only(path: Path) -> None:
    known = sys.stdlib_module_names | {"marshmallow"}
    # A plugin of several modules is a package of its own.
    own_package = ".".join(path.relative_to(ROOT).parts[:2]) + "."
    strange = [
        full_name
        for full_name in imports(path)
        if full_name.partition(".")[0] not in known
        and not full_name.startswith(("gateway.", own_package))
    ]
    deep = [each for each in imports(path) if each.startswith("gateway.") and each.count(".") > 1]
    assert strange + deep == []


@pytest.mark.parametrize("path", [*MODULES, *PLUGINS, ROOT / "config.py"], ids=name)
def test_module_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
