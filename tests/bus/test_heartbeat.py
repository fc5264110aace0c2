"""Processes tell that they are there, and are forgotten; without Redis nothing is told, and nothing fails."""

import pytest
from django.test import override_settings
from redis import RedisError

from bus import heartbeat
from tests.flow.stack import wait_until


def test_a_process_is_heard_of_while_it_runs() -> None:
    beating = heartbeat.Heartbeat("web")
    beating.start()
    wait_until(heartbeat.processes, what="a heartbeat")
    (found,) = heartbeat.processes()
    assert (found["name"], found["kind"]) == (heartbeat.NAME, "web")
    assert all(isinstance(found[name], int) for name in ("size", "waiting"))
    beating.stop()
    assert heartbeat.processes() == []


def test_without_redis_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "EVERY", 0.01)
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        beating = heartbeat.Heartbeat("worker")
        beating.start()
        beating.stop()
        with pytest.raises(RedisError):
            heartbeat.processes()
