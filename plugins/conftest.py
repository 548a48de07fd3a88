"""The plugins here are tested with the kit that every author of one has."""

pytest_plugins = ["gateway.testing"]
