"""Load comes from processes of its own: a line of JSON asks for something, a line of JSON answers."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent


class Peer:
    """A `python -m <module>` that `serve`s; its errors go to the terminal."""

    def __init__(self, module: str, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.read()

    def ask(self, what: str, **arguments: Any) -> Any:
        """Ask and wait for the answer."""
        self.send(what, **arguments)
        return self.read()

    def send(self, what: str, **arguments: Any) -> None:
        """Ask without waiting; several peers can thus be at work at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, arguments]) + "\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        """The next answer. Raises RuntimeError when the peer has died."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with {self.process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate()


def serve(functions: Mapping[str, Callable[..., Any]]) -> None:
    """In the peer: say that it is ready, then answer until nobody asks any more."""
    print("null", flush=True)
    for line in sys.stdin:
        what, arguments = json.loads(line)
        print(json.dumps(functions[what](**arguments)), flush=True)
