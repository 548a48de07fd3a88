"""A key of this node alone, for what must not lie on its disk in plain text.

It keeps credentials out of backups of single files and out of searches; whoever may read the key
file as well can read them. Where that is not enough there are ``GATEWAY_SECRET_KEYS``.
"""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

from gateway.files import sync_folder
from gateway.sealing import Sealer

NAME = ".node-key"


def node_sealer(folder: Path, *, make: bool = True) -> Sealer:
    """Return the sealer of this node's key, made now where there is none and ``make`` is on.

    Raises FileNotFoundError where there is none.
    """
    path = folder / NAME
    if make and not path.exists():
        _make(path)
    return Sealer((path.read_text(encoding="ascii").strip(),))


def _make(path: Path) -> None:
    """Write a new key, unless another process was first."""
    key = base64.urlsafe_b64encode(os.urandom(32))
    draft = path.with_name(f"{NAME}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    # A link and not a rename: a key with which something is sealed already must not be replaced.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    sync_folder(path.parent)
