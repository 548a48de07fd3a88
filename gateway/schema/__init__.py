"""The fields of a lead: what may be sent, and how it is read.

``documented`` is the table, ``names`` says which names are free, ``building`` joins it with the
plugins' fields at start, ``reading`` reads one value and ``compiled`` a plain one in short,
``parsing`` a whole form, ``across`` what custom fields ask of it; ``together`` reads the values of
many forms at once.
"""

from gateway.schema.building import DOCUMENTED, LeadSchema, build, may_have_alias
from gateway.schema.names import why_no_name
from gateway.schema.parsing import Read, parse, settled, unknown_names
from gateway.schema.together import read_together

__all__ = [
    "DOCUMENTED",
    "LeadSchema",
    "Read",
    "build",
    "may_have_alias",
    "parse",
    "read_together",
    "settled",
    "unknown_names",
    "why_no_name",
]
