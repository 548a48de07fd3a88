"""``flask user``."""

from gateway.cli.label_table import label_table
from gateway.models import User

users = label_table(
    "user",
    User,
    column="username",
    word="name",
    about="The users who own leads.",
)
