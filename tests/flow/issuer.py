"""A small OpenID Connect issuer over real HTTP: it says that whoever comes is `person`."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt


class Issuer(BaseHTTPRequestHandler):
    """Discovery, a login without questions, tokens for the right secret, and who it was."""

    person: dict[str, Any] = {}
    asked: dict[str, str] = {}
    server: ThreadingHTTPServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def do_GET(self) -> None:
        """The addresses a browser and a server look at."""
        path = urlsplit(self.path)
        if path.path == "/authorize":
            type(self).asked = {name: values[0] for name, values in parse_qs(path.query).items()}
            back = {"code": "the-code", "state": self.asked["state"]}
            self.send_response(302)
            self.send_header("Location", f"{self.asked['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        elif path.path == "/userinfo" and self.headers["Authorization"] == "Bearer canary-access":
            self.answer(self.person)
        else:
            names = {name: f"{self.url}/{name.partition('_')[0]}" for name in ("token_endpoint", "userinfo_endpoint")}
            names |= {"authorization_endpoint": f"{self.url}/authorize", "jwks_uri": f"{self.url}/keys"}
            self.answer({"issuer": self.url, **names})

    def do_POST(self) -> None:
        """Tokens."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert form["client_secret"] == ["canary-client-secret"]
        assert form["code"] == ["the-code"]
        assert form["code_verifier"]
        now = int(time.time())
        said = {"iss": self.url, "aud": "parley", "sub": self.person["sub"], "iat": now, "exp": now + 60}
        self.answer({"access_token": "canary-access", "token_type": "Bearer", "id_token": jwt.encode(said, "k" * 32)})

    def answer(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def issuer() -> Iterator[str]:
    """Its address, while it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
