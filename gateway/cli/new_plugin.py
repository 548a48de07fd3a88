"""The files of a new plugin: a field, a rule, and a test with a golden case that pass at once."""

import keyword
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from config import ROOT

TEMPLATES = Path(__file__).parent / "templates"
OURS = ROOT / "plugins"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


class CannotWrite(Exception):
    """The plugin cannot be written; the text says why, and what to do."""


def module_name(name: str, folder: Path) -> str:
    """Return the name under which GATEWAY_PLUGINS loads the plugin ``name`` in ``folder``."""
    return f"plugins.{name}" if folder.resolve() == OURS else name


def write(name: str, folder: Path) -> list[Path]:
    """Write the plugin and its tests into ``folder`` and return the files. Raises CannotWrite."""
    _check_name(name)
    values = {
        "NAME": name,
        "MODULE": module_name(name, folder),
        "LABEL": name.replace("_", " ").capitalize(),
    }
    files = {
        folder / f"{name}.py": "plugin.py.txt",
        folder / f"test_{name}.py": "test.py.txt",
        folder / "cases" / name / "same_number_is_the_same_lead.toml": "case.toml.txt",
    }
    if there := [str(path) for path in files if path.exists()]:
        raise CannotWrite(f"{', '.join(there)}: there already; choose another name")
    # Later, or the file that is to be written would be the module that it shadows.
    if name in sys.stdlib_module_names or find_spec(name) is not None:
        raise CannotWrite(f"{name}: a module that Python knows already; choose another name")
    try:
        for path, template in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(_filled(template, values))
    except OSError as error:
        raise CannotWrite(f"{error.filename}: {error.strerror}") from None
    return list(files)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name.endswith("_"):
        raise CannotWrite(
            f"{name!r} is no name for a plugin; use up to 30 small letters, digits and _, "
            "beginning with a letter, such as solar"
        )
    if name.startswith(("ai_", "test_")) or name in ("conftest", "cases"):
        raise CannotWrite(f"the name {name!r} is reserved; choose another")


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{%s}}" % name, value)  # noqa: UP031 doubled braces say nothing
    return text
