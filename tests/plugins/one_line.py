"""Answers one line to a program that asks for it."""

from gateway import hookimpl


@hookimpl
def gateway_render(reply, call):
    if call.form.get("answer") != "line":
        return None
    word = "OK" if reply.status == 0 else "ERROR"
    return f"{word}|{reply.lead_id or ''}\n".encode(), "text/plain"
