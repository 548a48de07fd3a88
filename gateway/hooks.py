"""Asks the plugins at each post, in the order of the list, and guards against what they answer.

What a plugin raises or answers that it may not is a PluginFault, whose text names the plugin and
the hook; a Refused passes. A hook that nobody implements costs nothing but a look at a tuple.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from config import Settings
from gateway.contract import Answer, Call, Caller, Command, LeadEvent, Reply
from gateway.errors import PluginFault, Problem, Refused
from gateway.normal import has_lone_surrogate, storable

log = logging.getLogger("gateway.plugins")

SLOW_SECONDS = 1.0
"""How long a plugin may take before the log says so."""

NAME_LENGTH = 191
"""Characters of a caller's name in the journal."""

LONGEST_REFUSAL = 10_000
"""Characters of a refusal that are told."""

LONGEST_MESSAGE = 1_000_000
"""Characters of what a command of a plugin answers."""

_FORMATS = ("", "pairs", "json", "xml")
_POLICIES = ("", "keep", "refuse")
_LONGEST_TYPE = 255


@dataclass(frozen=True, slots=True)
class Listener:
    """One plugin's implementation of one hook, or its function behind one command."""

    plugin: str
    hook: str
    function: Callable[..., Any]

    def ask(self, *args: Any, **arguments: Any) -> Any:
        """Return what the plugin answers. Raises what it refuses; all else is a PluginFault."""
        started = time.perf_counter()
        try:
            return self.function(*args, **arguments)
        except Refused as refusal:
            raise tidy(refusal)  # noqa: B904 it is the same one
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() ends a post, not those that share its commit
            raise self.fault(f"raised {type(error).__name__}") from error
        finally:
            warn_if_slow(started, self.plugin, self.hook)

    def fault(self, what: str) -> PluginFault:
        """Return the fault of having done ``what``."""
        return PluginFault(f"plugin {self.plugin}: {self.hook} {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Who listens to each hook that is asked at a post, in the order of the list."""

    authenticate: tuple[Listener, ...] = ()
    before_store: tuple[Listener, ...] = ()
    after_commit: tuple[Listener, ...] = ()
    render: tuple[Listener, ...] = ()


def warn_if_slow(started: float, plugin: str, what: str) -> None:
    """Log a warning where ``what`` of ``plugin`` has taken long since ``started``."""
    seconds = time.perf_counter() - started
    if seconds > SLOW_SECONDS:
        log.warning("plugin=%s %s took %d ms", plugin, what, seconds * 1000)


def authenticate(hooks: Hooks, call: Call, settings: Settings) -> Caller | None:
    """Return the caller whom the first plugin that does not abstain takes for ``call``'s.

    Raises what that plugin refuses.
    """
    for listener in hooks.authenticate:
        caller: Caller | None = listener.ask(call=call, settings=settings)
        if caller is not None:
            trouble = _trouble_with_caller(caller)
            if trouble:
                raise listener.fault(trouble)
            return caller
    return None


def tell(hooks: Hooks, event: LeadEvent) -> None:
    """Tell every listener what has been committed; what one raises is logged."""
    for listener in hooks.after_commit:
        try:
            listener.ask(event=event)
        except Exception as error:
            fault = error if isinstance(error, PluginFault) else listener.fault("refused")
            log.exception("%s after its commit, %s", event.request_id, fault)


def render(hooks: Hooks, answer: Answer, reply: Reply, call: Call) -> Answer:
    """Return ``answer``, or what the first plugin makes of ``reply`` in its place.

    What is stored is stored, so a plugin that fails is logged, and the answer stays ours.
    """
    for listener in hooks.render:
        try:
            rendered = listener.ask(reply=reply, call=call)
            if rendered is None:
                continue
            if not _is_rendered(rendered):
                raise listener.fault("must return (body as bytes, content type as text)")
        except Exception as error:
            fault = error if isinstance(error, PluginFault) else listener.fault("refused")
            log.exception("%s is answered by us, %s", call.request_id, fault)
            return answer
        body, content_type = rendered
        return replace(answer, body=body, content_type=content_type)
    return answer


def guarded(plugin: str, command: Command) -> Command:
    """Return ``command`` of ``plugin`` so that it gives a reply, a refusal or a fault."""
    listener = Listener(plugin, f"command {command.name}", command.run)

    def run(call: Call, system: Any, caller: Caller) -> Reply:
        reply: Reply = listener.ask(call, system, caller)
        trouble = _trouble_with_reply(reply)
        if trouble:
            raise listener.fault(trouble)
        # Only what has written the row of this call knows that it is written.
        return replace(reply, recorded=bool(call.stored))

    return replace(command, run=run)


def tidy(refusal: Refused) -> Refused:
    """Return ``refusal`` with texts that a header, a database and XML can hold, one at least."""
    problems = getattr(refusal, "problems", None) or (Problem("", "refused", "Refused"),)
    refusal.problems = tuple(
        Problem(
            *(
                storable(str(text))[:LONGEST_REFUSAL]
                for text in (each.field, each.code, each.message)
            )
        )
        for each in problems
    )
    lead_id = getattr(refusal, "lead_id", None)
    refusal.lead_id = lead_id if type(lead_id) is int else None
    return refusal


def _trouble_with_caller(caller: Any) -> str:
    if not isinstance(caller, Caller):
        return f"must return a Caller or None, not {type(caller).__name__}"
    name: Any = caller.name
    if not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH or storable(name) != name:
        return f"gave a Caller whose name is no text of 1 to {NAME_LENGTH} characters"
    if caller.login_id is not None:
        return "gave a Caller with a login_id, which only a login of ours has"
    if caller.format not in _FORMATS:
        return "gave a Caller whose format is none of pairs, json, xml"
    if caller.on_invalid not in _POLICIES:
        return "gave a Caller whose on_invalid is neither keep nor refuse"
    return "" if isinstance(caller.defaults, Mapping) else "gave a Caller whose defaults are no map"


def _trouble_with_reply(reply: Any) -> str:
    if not isinstance(reply, Reply):
        return f"must return a Reply, not {type(reply).__name__}"
    if type(reply.status) is not int or not isinstance(reply.status_message, str):
        return "must return a Reply with a number as status and a text as status_message"
    if abs(reply.status) >= 2**31 or len(reply.status_message) > LONGEST_MESSAGE:
        return "returned a status or a status_message that is too large"
    if reply.lead_id is not None and not (
        type(reply.lead_id) is int and 0 <= reply.lead_id < 2**63
    ):
        return "returned a lead_id that is no id of a lead"
    if not _are_problems(reply.problems) or not _are_problems(reply.warnings):
        return "returned problems that are not of the kind that a Refused has"
    if reply.decision is not None:
        try:
            text = json.dumps(dict(reply.decision), allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return "returned a decision that is no JSON object"
        if len(text) > LONGEST_MESSAGE or has_lone_surrogate(text) or "\\u0000" in text:
            return "returned a decision that no database stores"
    return ""


def _are_problems(given: Any) -> bool:
    return isinstance(given, tuple | list) and all(
        isinstance(each, Problem)
        and all(
            isinstance(text, str) and storable(text) == text
            for text in (each.field, each.code, each.message)
        )
        for each in given
    )


def _is_rendered(rendered: Any) -> bool:
    if not isinstance(rendered, tuple) or len(rendered) != 2:
        return False
    body, content_type = rendered
    return (
        isinstance(body, bytes)
        and isinstance(content_type, str)
        and content_type.isascii()
        and content_type.isprintable()
        and 0 < len(content_type.strip()) <= _LONGEST_TYPE
    )
