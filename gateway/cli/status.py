"""``flask status``."""

from gateway.cli.label_table import label_table
from gateway.models import Status

statuses = label_table(
    "status",
    Status,
    column="label",
    word="label",
    about="The statuses of leads; once there is one, a post may only name such.",
)
