"""A command that only answers."""

from gateway import Command, Refused, Reply, hookimpl


def ping(call, system, caller):
    if not call.form.get("word"):
        raise Refused("word: missing (any text)", field="word", code="required")
    return Reply(status=0, status_message=f"Hello {caller.name}")


@hookimpl
def gateway_commands(settings):
    return [Command("ping", ping, help="Says hello to who sends a word.")]
