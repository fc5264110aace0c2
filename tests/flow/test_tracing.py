"""One trace from the HTTP request over the queue to the events a worker records."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.flow.stack import Stack, wait_until

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector(BaseHTTPRequestHandler):
    """Takes what an OpenTelemetry exporter sends."""

    received: list[bytes] = []

    def do_POST(self) -> None:
        """Keep the body, say yes."""
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def traced(django_db_setup: None) -> Iterator[Stack]:
    """A stack that exports its traces to a collector here."""
    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    made = Stack(
        f"traced_{WORKER}", settings={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    )
    try:
        yield made.start()
    finally:
        made.stop()
        collector.shutdown()
        collector.server_close()


def test_the_workers_events_carry_the_trace_of_the_request(traced: Stack) -> None:
    browser = traced.login("alice")
    session = browser.new_session()
    body = {"content": "hello", "answer": True}
    browser.call("POST", f"sessions/{session}/messages/", body, traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")

    def traces() -> dict[str, str]:
        with traced.connect() as database:
            rows = database.execute(
                "SELECT type, split_part(traceparent, '-', 2) FROM bus_storedevent WHERE stream = %s AND version > 1",
                [session],
            ).fetchall()
        return dict(rows)

    wait_until(lambda: "run-completed" in traces(), what="the run's end")
    assert set(traces().values()) == {TRACE}
    names = (b"command add-message", b"run echo", b"command end-run")
    wait_until(lambda: all(name in b"".join(Collector.received) for name in names), what="the exported spans")
