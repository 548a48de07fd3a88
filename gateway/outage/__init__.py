"""A database that goes away: what counts as that, and how a process notices and gets over it."""

from gateway.outage.breaker import Away, Breaker
from gateway.outage.errors import is_away, is_wait
from gateway.outage.probing import Watchdog, can_write

__all__ = ["Away", "Breaker", "Watchdog", "can_write", "is_away", "is_wait"]
