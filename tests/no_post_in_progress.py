"""Files that no row names go at once, as if no post were about to name one."""

from datetime import timedelta

import pytest

from gateway.journal import sweeping


def remove_files_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file without a row go, however young it is.

    Not only one that is older than nothing: where the machine's clock is set back meanwhile, a
    file may seem to come from the future.
    """
    monkeypatch.setattr(sweeping, "IN_PROGRESS", timedelta(days=-1))
