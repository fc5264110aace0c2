"""Keeps credentials out of logs and traces, whoever logs them: libraries log headers at DEBUG, Django every path it
refuses. Used by the settings' log format and by the middleware that names spans."""

import logging
import re

HIDDEN = "…"
_CREDENTIALS = re.compile(
    r"""
    (?P<token> \bparley_ ) [A-Za-z0-9_-]{30,}                                     # an API token
    | (?P<link> /enter/[^/\s]+/ ) [^/\s"'?]+                                      # a login link that may still be good
    | (?P<header> \b(?:set-cookie|cookie|authorization|x-csrftoken|sec-websocket-protocol)["']?[:=,]\s ) [^\r\n]+
    | (?P<pair> \b(?:sessionid|csrftoken|csrfmiddlewaretoken|password|ticket)= ) [^;&\s"']+
    | (?P<protocol> \b(?:bearer|ticket)\. ) [A-Za-z0-9_-]{20,}                   # in a WebSocket's handshake
    | (?P<user> ://[^:/@\s]*: ) [^@/\s]+ (?=@)                                  # postgres://name:password@host
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with its credentials replaced by an ellipsis."""
    return _CREDENTIALS.sub(lambda found: f"{found[found.lastgroup or 0]}{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """The whole line, with its traceback, is redacted: what is logged was formatted by others."""

    def format(self, record: logging.LogRecord) -> str:
        """As `logging.Formatter`."""
        return redact(super().format(record))
