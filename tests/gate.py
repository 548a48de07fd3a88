"""A plugin that lets one lead not pass while a file is there, so that a program that goes through
all leads cannot come to its end before it is killed, however late that is."""

from pathlib import Path

PLUGIN = "has_a_gate"
_TEXT = """
import time
from pathlib import Path
from gateway import MatchRule, hookimpl
def keys(lead):
    digits = "".join(filter(str.isdigit, lead.get("phone") or ""))
    while digits.endswith({digits!r}) and Path({gate!r}).exists():
        time.sleep(0.01)
    return ()
@hookimpl
def gateway_match_rules(settings):
    return [MatchRule("match_gate", keys, help="Does not let a lead pass while a file is there.")]
"""


def shut_gate(folder: Path, digits: str) -> Path:
    """Write the plugin and the file that holds whose phone ends with ``digits``; return the file.

    ``folder`` must be on the path of who loads PLUGIN.
    """
    gate = folder / "gate"
    gate.touch()
    (folder / f"{PLUGIN}.py").write_text(_TEXT.format(digits=digits, gate=str(gate)))
    return gate
