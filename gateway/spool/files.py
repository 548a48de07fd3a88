"""What one file of the spool looks like: a line that checks it, then header and body, sealed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.sealing import HEAD, CannotOpen, Sealer, key_id_of

_MAGIC = b"gateway-spool-1"
_BY_NODE, _BY_SYSTEM = b"node", b"system"
_LONGEST_LINE = 200

NODE = "node"
"""Stands for the id of the key of this node."""


class BrokenFile(Exception):
    """A file was cut short or changed; the text says how, and nothing of what is in it."""


def pack(header: Mapping[str, Any], body: bytes, sealer: Sealer, *, by_node: bool) -> bytes:
    """Return the bytes of a file."""
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    sealed = sealer.seal(head + b"\n" + body)
    first = (_MAGIC, _BY_NODE if by_node else _BY_SYSTEM, b"%d" % len(sealed), _checksum(sealed))
    return b" ".join(first) + b"\n" + sealed


def unpack(
    content: bytes, sealer: Sealer, node_sealer: Callable[[], Sealer]
) -> tuple[dict[str, Any], bytes]:
    """Return header and body of a file's bytes. Raises BrokenFile and CannotOpen."""
    first, newline, sealed = content.partition(b"\n")
    words = first.split(b" ")
    if not newline or len(words) != 4 or words[0] != _MAGIC:
        raise BrokenFile("its first line is not one of ours")
    if words[2] != b"%d" % len(sealed):
        raise BrokenFile(f"{len(sealed)} bytes are left of it")
    if words[3] != _checksum(sealed):
        raise BrokenFile("its bytes have changed")
    try:
        opened = (node_sealer() if words[1] == _BY_NODE else sealer).open(sealed)
    except FileNotFoundError as error:
        raise CannotOpen("the key of this node is gone") from error
    except ValueError as error:
        raise CannotOpen("the key of this node is no key any more") from error
    head, _, body = opened.partition(b"\n")
    try:
        return dict(json.loads(head)), body
    except (TypeError, ValueError):
        raise BrokenFile("its header is no JSON") from None


def sealed_by(path: Path) -> str:
    """Return the id of the key that sealed a file, ``NODE`` for this node's, ``""`` for none.

    Raises FileNotFoundError.
    """
    with open(path, "rb") as file:
        first = file.readline(_LONGEST_LINE).split(b" ")
        if len(first) == 4 and first[1] == _BY_NODE:
            return NODE
        return key_id_of(file.read(HEAD))


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
