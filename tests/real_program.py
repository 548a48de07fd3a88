"""Runs ``flask`` as a user does: the program itself, with the settings of its environment."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

DATABASES_AWAY = (
    "postgresql://nobody:hush@127.0.0.1:9/none",
    "mariadb://nobody:hush@127.0.0.1:9/none",
    "sqlite:////proc/none.db",
)


def flask(url: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the real program beside ``wsgi.py``, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *words],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        check=False,
        timeout=240,
    )
