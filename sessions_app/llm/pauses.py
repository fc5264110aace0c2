"""How long to wait before a provider that failed is asked again."""

import random

from django.conf import settings

LONGEST_PAUSE = 60.0
"""Seconds between two tries, unless the provider asks for more."""
LONGEST_PATIENCE = 3600.0
"""Seconds a provider may ask for."""


def until_next(attempts: int, retry_after: float | None) -> float:
    """Seconds after so many tries: they double, with jitter, and are no fewer than the provider asked for."""
    pause = min(LONGEST_PAUSE, settings.RUN_RETRY_PAUSE * 2.0 ** (attempts - 1))
    return max(pause * random.uniform(0.5, 1.0), min(retry_after or 0.0, LONGEST_PATIENCE))
