"""Imports leads from a CSV or JSONL file, as plain inserts in batches or as posts that match.

``lines`` gives bytes, ``csv_records`` and ``json_records`` what a line says, ``preparing`` reads
it as a post is read, ``reading`` does so batch by batch, ``starting`` puts an import together,
``running`` stores batches and ``runs`` remembers how far it came.
"""

from gateway.importing.lines import CannotImport
from gateway.importing.options import Options
from gateway.importing.running import Counts
from gateway.importing.starting import import_leads

__all__ = ["CannotImport", "Counts", "Options", "import_leads"]
