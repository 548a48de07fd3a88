"""Loads fields files."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import config
from gateway import BadPlugin, registry
from gateway.commands import COMMANDS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "plugins" / "fields.example.toml"
TEXT = '[fields.a]\ntype = "text"\n'


def load(path: str, **values: Any) -> registry.System:
    chosen = config.settings(GATEWAY_FIELDS_FILE=path, **values)
    return registry.load(chosen, create_engine("sqlite://"), COMMANDS)


def refusal(path: str) -> str:
    with pytest.raises(BadPlugin) as stopped:
        load(path)
    return str(stopped.value)
