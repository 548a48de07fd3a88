"""The fields of a lead: what may be sent, and how it is read.

``documented`` is the table, ``names`` says which names are free, ``building`` joins it with the
plugins' fields at start, ``reading`` reads one value, ``parsing`` a whole form.
"""

from gateway.schema.building import DOCUMENTED, LeadSchema, build
from gateway.schema.names import why_no_name
from gateway.schema.parsing import parse

__all__ = ["DOCUMENTED", "LeadSchema", "build", "parse", "why_no_name"]
