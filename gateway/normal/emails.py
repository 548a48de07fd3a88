"""The normal form of an e-mail address."""

import re
import unicodedata
from functools import lru_cache

import idna

_LONGEST = 320
"""Characters of the longest address that RFC 5321 allows, 64 + @ + 255."""

# RFC 5321 dot-string local part, host name of two labels or more.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_HOST = r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(_HOST)


# A post asks for the form of one value by five ways, its match rules and the journal among them;
# so what the last posts sent stays in the process for a while.
@lru_cache(maxsize=1024)
def email_key(text: str) -> str | None:
    """Return what two spellings of one address share; None for what is no address.

    The case of the domain does not count, and a unicode domain is its punycode (UTS 46). The
    local part counts as it is, in NFC: only its own server may say that ``Ann`` is ``ann``, or
    that dots and ``+tag`` do not count. Quoted local parts, address literals (``[192.0.2.1]``)
    and domains without a dot are no addresses here.
    """
    text = text[: _LONGEST + 1].strip()
    local, _, domain = text.rpartition("@")
    if len(text) > _LONGEST or not local or not domain:
        return None
    host = _host(domain)
    if host is None or len(host) > 255:
        return None
    plain = local if local.isascii() else _plain_local(local)
    if plain is None or not _LOCAL.fullmatch(plain):
        return None
    return f"{local if plain is local else unicodedata.normalize('NFC', local)}@{host}"


# Most people have their address at one of a few.
@lru_cache(maxsize=1024)
def _host(domain: str) -> str | None:
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    host = domain.lower()
    return host if _DOMAIN.fullmatch(host) else None


def _plain_local(local: str) -> str | None:
    """Return ``local`` with a stand-in for each letter beyond ASCII (RFC 6531); None for spaces,
    control and format characters and lone surrogates beyond it.
    """
    if any(unicodedata.category(c)[0] in "CZ" for c in local if not c.isascii()):
        return None
    return "".join(c if c.isascii() else "x" for c in unicodedata.normalize("NFC", local))
