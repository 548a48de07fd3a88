"""Asks a system for its documentation page."""

from dataclasses import replace

from sqlalchemy import create_engine

import config
from gateway import CustomField, MatchRule
from gateway.commands import COMMANDS
from gateway.contract import Answer, System
from gateway.page import answer
from gateway.registry import load
from gateway.schema import build

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CURL = "*/*"


def make_system(
    *custom: CustomField, rules: tuple[MatchRule, ...] = (), **values: object
) -> System:
    settings = config.settings(DATABASE_URL="sqlite://", **values)
    system = load(settings, create_engine(settings.DATABASE_URL), COMMANDS)
    return replace(
        system,
        schema=build(custom, [rule.name for rule in rules], settings),
        match_rules={rule.name: rule for rule in rules},
    )


def ask(
    system: System,
    show: str | None = None,
    *,
    accept: str = CURL,
    authorization: str = "",
    ask_login: bool = False,
) -> Answer:
    return answer(
        system, show=show, accept=accept, authorization=authorization, ask_login=ask_login
    )


def text(system: System, show: str | None = None, **asked: str) -> str:
    return ask(system, show, **asked).body.decode()
