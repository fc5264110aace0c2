"""`make run` from outside: one command, one login link, an answer from the worker, Ctrl-C, everything still there."""

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import httpx

from tests.flow.stack import ROOT, free_port, wait_until


class Up:
    """`manage.py up` on servers of its own."""

    def __init__(self, var: Path, port: int) -> None:
        without = ("DATABASE_URL", "REDIS_URL", "PARLEY_VAR", "REDIS_PREFIX", "PUBLIC_URL")
        environment = {name: value for name, value in os.environ.items() if name not in without}
        environment |= {"PARLEY_VAR": str(var), "PUBLIC_URL": f"http://127.0.0.1:{port}", "PYTHONUNBUFFERED": "1"}
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.output += line

    def link(self) -> str:
        """The login link it prints."""
        found = wait_until(lambda: re.search(r"http://\S+/enter/\S+", self.output), deadline=60, what="a login link")
        return str(found[0])

    def interrupt(self) -> int:
        """Ctrl-C; the return code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(40)


def log_in(link: str) -> httpx.Client:
    """A browser that has used the link."""
    client = httpx.Client(timeout=30, follow_redirects=True)
    assert client.get(link).status_code == 200
    entered = client.post(link, data={"csrfmiddlewaretoken": client.cookies["csrftoken"]})
    assert entered.status_code == 200, entered.text
    return client


def test_one_command_runs_everything_and_a_second_start_finds_all_data(tmp_path: Path) -> None:
    port = free_port()
    first = Up(tmp_path / "var", port)
    try:
        link = first.link()
        api = f"http://127.0.0.1:{port}/api/v1"
        with closing(log_in(link)) as client:
            assert httpx.post(link).status_code in (403, 410), "a login link works once"
            headers = {"X-CSRFToken": client.cookies["csrftoken"]}
            session = client.post(f"{api}/sessions/", json={"title": "kept"}, headers=headers).json()["id"]
            said = client.post(
                f"{api}/sessions/{session}/messages/", json={"content": "hello", "answer": True}, headers=headers
            ).json()
            done = ("completed", "failed", "interrupted")
            run = wait_until(
                lambda: (found := client.get(f"{api}/runs/{said['answer_run_id']}/").json())["state"] in done and found,
                what="the run's end",
            )
            assert run["state"] == "completed"
        assert first.interrupt() == 0, first.output
    finally:
        first.process.kill()
    assert not list((tmp_path / "var").rglob("postmaster.pid")), "PostgreSQL was stopped with the last user"
    assert "Traceback" not in first.output, first.output

    second = Up(tmp_path / "var", port)
    try:
        with closing(log_in(second.link())) as client:
            messages = client.get(f"{api}/sessions/{session}/messages/").json()["data"]
            assert [message["content"][0]["text"] for message in messages] == ["hello", "[echo] hello"]
        assert second.interrupt() == 0, second.output
    finally:
        second.process.kill()
