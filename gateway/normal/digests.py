"""Keys by which a stored thing is found again, as sixteen bytes."""

from hashlib import blake2b


def digest(kind: str, key: str) -> bytes:
    """Return the 16 bytes under which ``key`` of ``kind`` is stored; a match rule is such a kind.

    The kind is in it, so that equal keys of two kinds are two digests. Not keyed: a look-up aid,
    which is personal data like the values it is made of.
    """
    text = f"{kind}\0{key}".encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=16).digest()
