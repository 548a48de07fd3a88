"""How many posts each transaction of new leads had."""

from typing import Any

import pytest

from gateway.store import fast


def batch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list into which the size of every batch goes from now on."""
    sizes: list[int] = []
    write = fast.write

    def counted(connection: Any, posts: Any, **options: Any) -> list[int]:
        sizes.append(len(posts))
        return write(connection, posts, **options)

    monkeypatch.setattr(fast, "write", counted)
    return sizes
