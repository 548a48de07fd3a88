"""The commands of the endpoint, one module each."""

from gateway.commands.lead_set import LEAD_SET

COMMANDS = (LEAD_SET,)
