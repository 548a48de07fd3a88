"""Keys by which a stored thing is found again, as sixteen bytes."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b


def digest(kind: str, key: str) -> bytes:
    """Return the 16 bytes under which ``key`` of ``kind`` is stored; a match rule is such a kind.

    The kind is in it, so that equal keys of two kinds are two digests. Not keyed: a look-up aid,
    which is personal data like the values it is made of.
    """
    return digester(kind)(key)


# There are few kinds, and a copy takes half as long as what has to be set up.
@lru_cache(maxsize=256)
def digester(kind: str) -> Callable[[str], bytes]:
    """Return what digests a key of ``kind``, for who has many of them."""
    begun = blake2b(f"{kind}\0".encode("utf-8", "surrogatepass"), digest_size=16)

    def digest_of(key: str) -> bytes:
        hashed = begun.copy()
        # As a format writes it: a plugin's key may be a text that says something else of itself.
        hashed.update(f"{key}".encode("utf-8", "surrogatepass"))
        return hashed.digest()

    return digest_of
