"""``flask custom-status``."""

from gateway.cli.label_table import label_table
from gateway.models import CustomStatus

custom_statuses = label_table(
    "custom-status",
    CustomStatus,
    column="label",
    word="label",
    about="The custom statuses that a post may name by id or label.",
)
