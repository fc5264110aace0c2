"""A plugin that sets its process's clock wrong by CLOCK_SKEW seconds: time, Django's now, UUIDv7. For promise P21.

Monotonic clocks stay as they are, as they would on a host whose clock is wrong."""

import os
import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

from uuid_utils import compat

SKEW = float(os.environ["CLOCK_SKEW"])
ASKING = ("django.", "celery.", "kombu.", "bus.bus")
"""Who asks datetime for the time; elsewhere the class is a type of fields and must stay what it is."""

_time, _time_ns, _uuid7 = time.time, time.time_ns, compat.uuid7


def skewed_time() -> float:
    """Seconds since the epoch, or so this host believes."""
    return _time() + SKEW


def skewed_time_ns() -> int:
    """The same in nanoseconds."""
    return _time_ns() + int(SKEW * 1e9)


def skewed_uuid7() -> Any:
    """An id made now, or so this host believes."""
    return _uuid7(nanoseconds=skewed_time_ns())


class _Real(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, datetime)


class SkewedDatetime(datetime, metaclass=_Real):
    """Makes plain datetimes."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        return datetime(*args, **named)  # noqa: DTZ001  what the caller says

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """What time it is, or so this host believes."""
        return datetime.now(tz) + timedelta(seconds=SKEW)


def install() -> None:
    """Replace what was imported by name so far, and what will be."""
    wrong = {_time: skewed_time, _time_ns: skewed_time_ns, _uuid7: skewed_uuid7}
    for name, module in tuple(sys.modules.items()):
        if name == __name__ or module is None:
            continue
        for attribute, value in tuple(vars(module).items()):
            if callable(value) and any(value is right for right in wrong):
                setattr(module, attribute, wrong[value])
            elif value is datetime and name.startswith(ASKING):
                setattr(module, attribute, SkewedDatetime)


install()
