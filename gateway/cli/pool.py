"""``flask pool``."""

from gateway.cli.label_table import label_table
from gateway.models import Pool

pools = label_table(
    "pool",
    Pool,
    column="label",
    word="name",
    about="The pools that leads lie in.",
)
