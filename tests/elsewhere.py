"""Python as an author runs it whose plugin lies outside this repository, and who has no servers."""

import subprocess
import sys
from pathlib import Path

from config import ROOT
from tests.live.live_gateway import clean_environment


def run_python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Return what ``python -m`` with these words came to in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=clean_environment(
            PYTHONPATH=str(ROOT),
            # Nobody listens there.
            GATEWAY_TEST_POSTGRESQL="postgresql://postgres@127.0.0.1:1/",
            GATEWAY_TEST_MARIADB="mariadb://root@127.0.0.1:1/",
            CI="",
        ),
        capture_output=True,
        text=True,
    )
