"""Replies that are no success: a refusal, a fault of ours, a post that waits in the spool."""

from gateway.contract import Call, Command, Reply, System
from gateway.errors import Refused, UnknownCommand
from gateway.hooks import tidy


def refuse(refusal: Refused) -> Reply:
    """Return the reply for a refusal: status 1, the only failure value ever documented."""
    tidy(refusal)
    return Reply(
        status=1,
        status_message=refusal.problems[0].message,
        lead_id=refusal.lead_id,
        problems=refusal.problems,
        recorded=refusal.recorded,
    )


def fault(request_id: str) -> Reply:
    """Return the reply for a fault of ours; the reference finds the post in the journal."""
    return refuse(Refused(f"Internal error, reference {request_id}", code="internal"))


def spooled(request_id: str) -> Reply:
    """Return the reply for a post that is safe and is processed later."""
    return refuse(Refused(f"Saved as {request_id}, will be processed", code="spooled"))


def spool_full() -> Reply:
    """Return the reply for a post that nothing here can keep."""
    return refuse(Refused("The post cannot be saved now; send it again later", code="spool_full"))


def command_of(call: Call, system: System) -> Command:
    """Return the command that ``call`` names. Raises UnknownCommand."""
    known = ", ".join(system.commands)
    if not call.command:
        raise UnknownCommand(f"command: missing; send one of: {known}")
    command = system.commands.get(call.command)
    if command is None:
        raise UnknownCommand(f"command: not one that this system knows; send one of: {known}")
    return command
