"""Match keys: what a rule says of a lead, digested; stored and looked up by the same function."""

import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from types import GeneratorType
from typing import Any

from gateway import hooks
from gateway.contract import MatchRule
from gateway.errors import PluginFault
from gateway.normal import digester

log = logging.getLogger("gateway.matching")

MOST_KEYS = 50
"""Keys of one rule that count for one lead; a rule that gives more is told so in the log."""

_PLAINLY_IN_ORDER = (GeneratorType, list, tuple)
"""To ask these whether they are of a kind takes longer than to go through them."""


class BadRule(PluginFault):
    """A rule gave something that is no key; a fault of its plugin, never of a caller."""


def keys_of(lead: Mapping[str, Any], rules: Iterable[MatchRule]) -> dict[bytes, str]:
    """Return the digests of ``lead`` under ``rules``, each with the name of its rule.

    Raises BadRule where a rule gives something other than text.
    """
    found: dict[bytes, str] = {}
    add_keys_of([(lead, found)], rules)
    return found


def add_keys_of(
    leads: Sequence[tuple[Mapping[str, Any], dict[bytes, str]]], rules: Iterable[MatchRule]
) -> None:
    """Add the keys of each of ``leads``, as ``keys_of`` returns them, to what stands beside it.

    Rule by rule and not lead by lead: so the processor has the code of one rule at hand.
    """
    for rule in rules:
        name, digest_of = rule.name, digester(rule.name)
        started = time.perf_counter()
        for lead, found in leads:
            try:
                texts = _texts(rule, lead)
            except (BadRule, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise BadRule(f"{_called(rule)} raised {type(error).__name__}") from error
            for text in texts:
                found[digest_of(text)] = name
            ended = time.perf_counter()
            # Asked here, too: of a rule in time nobody need know the name.
            if ended - started > hooks.SLOW_SECONDS:
                hooks.warn_if_slow(started, _plugin(rule), f"rule {name}")
            started = ended


def confirms(rule: MatchRule, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> bool:
    """Return whether ``rule`` takes ``old``, whose keys are equal, for ``new``.

    Raises BadRule where its ``confirm`` fails.
    """
    if rule.confirm is None:
        return True
    if old is None:
        return False
    started = time.perf_counter()
    try:
        return rule.confirm(new, old)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise BadRule(f"{_called(rule)} raised {type(error).__name__} in confirm") from error
    finally:
        hooks.warn_if_slow(started, _plugin(rule), f"rule {rule.name}")


def _plugin(rule: MatchRule) -> str:
    return str(getattr(rule.keys, "__module__", None) or "?")


def _called(rule: MatchRule) -> str:
    return f"rule {rule.name} of plugin {_plugin(rule)}"


def _texts(rule: MatchRule, lead: Mapping[str, Any]) -> Collection[str]:
    given: Any = rule.keys(lead)
    if type(given) is list and len(given) == 1 and given[0] and type(given[0]) is str:
        return given
    if type(given) not in _PLAINLY_IN_ORDER:
        # A text is iterable as well: each of its letters would glue strangers together.
        if isinstance(given, str | bytes) or not isinstance(given, Iterable):
            raise BadRule(f"rule {rule.name} gave {type(given).__name__}, not a list of keys")
        if isinstance(given, Set):
            # In every process the same ones count, whatever order a set has there.
            given = sorted(given, key=str)
    texts: set[str] = set()
    for key in given:
        if not isinstance(key, str):
            raise BadRule(f"rule {rule.name} gave {type(key).__name__} as a key, not text")
        if key and key not in texts:
            if len(texts) == MOST_KEYS:
                log.warning("rule=%s gave more than %d keys for one lead", rule.name, MOST_KEYS)
                break
            texts.add(key)
    return texts
