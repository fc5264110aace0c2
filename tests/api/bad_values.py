"""What hostile clients send: bodies, values and keys that must be refused, and every write they could be sent to."""

import json
from typing import Any, NamedTuple
from uuid import UUID

from tests.api.bad_graphs import WRONG_GRAPHS
from tests.exchange.made import document, small

SOME = "0198f2c4-aaaa-7000-8000-00000000000a"
"""A well-formed id of nothing."""
ECHO = {"provider": "echo", "model": "echo"}


class Write(NamedTuple):
    """One write address. `body` is acceptable, `free` a body with a place for any JSON, `fields` what it takes."""

    method: str
    path: str
    body: dict[str, Any]
    free: bytes
    fields: frozenset[str]


_METADATA = b'{"metadata": {"key": @}}'
_SESSION = frozenset({"title", "metadata", "config"})
_SHARE = frozenset({"username", "role", "expected_version"})
_SAID = b'{"content": "x", "metadata": {"key": @}}'
_MESSAGE = frozenset({"content", "role", "message_id", "conversation_id", "tool_call_id", "tool_calls", "metadata"})
_TOKENS = frozenset({"prompt_tokens", "completion_tokens", "context_tokens", "expected_version"})
_RUN = frozenset(
    {
        *("input", "id", "run_id", "conversation", "conversation_id", "provider", "model", "tools", "on_busy"),
        *("on_interrupt", "config", "timeout", "budget", "metadata", "expected_version"),
    }
)
_TOKEN = {"name": "x", "scopes": ["*"]}
_BEGUN = frozenset({"name", "id", "conversation_id", "expected_version"})
_CONVERSATION = _BEGUN | {"input", "system", "answer", "metadata", "message_id"}
_CONVERSATIONS = "sessions/{session}/conversations/"
_SAID_BEFORE = "sessions/{session}/messages/{message}/"
_NAMED = b'{"name": "add-message", "payload": {"session_id": "$", "content": "x", "metadata": {"key": @}}}'

_FILE = document(small(UUID(SOME)))
_IN_A_FILE = json.dumps(_FILE).replace('"hello"', "@").encode()

WRITES = [
    Write("POST", "sessions/", {"title": "t"}, _METADATA, _SESSION | {"id", "session_id"}),
    Write("PUT", f"sessions/{SOME}/", {"title": "t"}, _METADATA, _SESSION),
    Write("PATCH", "sessions/{session}/", {"title": "t"}, _METADATA, _SESSION | {"is_active", "metrics"}),
    Write("POST", "sessions/{session}/messages/", {"content": "x"}, _SAID, _MESSAGE | {"answer", "expected_version"}),
    Write(
        "PATCH", "sessions/{session}/messages/{message}/", {"content": "x"}, _SAID, frozenset({"content", "metadata"})
    ),
    Write("POST", _CONVERSATIONS, {"name": "x"}, b'{"name": "x", "metadata": {"key": @}}', _CONVERSATION),
    Write(
        "PATCH",
        "sessions/{session}/conversations/{session}/",
        {"name": "x"},
        b'{"name": @}',
        frozenset({"name", "is_archived"}),
    ),
    Write("POST", "sessions/{session}/erasure/", {}, b'{"input": @}', frozenset({"expected_version"})),
    Write("POST", "sessions/{session}/shares/", {"username": "dora"}, b'{"username": @}', _SHARE),
    Write("POST", f"{_SAID_BEFORE}edit/", {"content": "x"}, b'{"content": @}', _BEGUN | {"content", "answer"}),
    Write("POST", f"{_SAID_BEFORE}regenerate/", {}, b'{"model": @}', _BEGUN | {"model", "provider"}),
    Write("POST", "sessions/{session}/runs/", {"input": "x"}, b'{"input": "x", "metadata": {"key": @}}', _RUN),
    Write(
        "POST",
        "sessions/{session}/context/compact/",
        {},
        b'{"conversation": @}',
        frozenset({"id", "run_id", "conversation", "conversation_id", "on_busy", "expected_version"}),
    ),
    Write("PATCH", "runs/{run}/", {"input": "x"}, b'{"input": @}', frozenset({"input", "expected_version"})),
    Write("POST", "runs/{run}/cancel/", {}, b'{"input": @}', frozenset({"expected_version"})),
    Write("POST", "runs/{run}/retry/", {}, b'{"model": @}', frozenset({"model", "provider", "expected_version"})),
    Write("POST", "runs/{run}/continue/", {}, b'{"input": @}', frozenset({"expected_version"})),
    Write(
        "POST",
        "runs/{run}/decisions/",
        {"tool_call_id": "c", "approve": True},
        b'{"tool_call_id": @, "approve": true}',
        frozenset({"tool_call_id", "approve", "expected_version"}),
    ),
    Write("POST", "sessions/{session}/metrics/", {"prompt_tokens": 1}, b'{"prompt_tokens": @}', _TOKENS),
    Write(
        "POST",
        "sessions/{session}/artifacts/",
        {"name": "n", "data": 1},
        b'{"name": "n", "data": 1, "metadata": {"key": @}}',
        frozenset({"name", "data", "content_type", "metadata", "artifact_id", "expected_version"}),
    ),
    Write(
        "POST",
        "sessions/{session}/graphs/",
        {"nodes": [{"key": "a", "prompt": "x"}]},
        b'{"nodes": [{"key": "a", "prompt": {"user": "x", "variables": {"key": @}}}]}',
        frozenset(
            {"nodes", "name", "id", "graph_id", "max_parallel", "variables", "dry_run", "metadata", "expected_version"}
        ),
    ),
    Write("POST", "graphs/{graph}/cancel/", {}, b'{"name": @}', frozenset({"expected_version"})),
    Write("POST", "graphs/{graph}/retry/", {}, b'{"nodes": @}', frozenset({"nodes", "expected_version"})),
    Write("POST", "exports/", {}, b'{"x": @}', frozenset()),
    Write("POST", "tickets/", {}, b'{"x": @}', frozenset()),
    Write("POST", "sessions/import/", _FILE, _IN_A_FILE, frozenset({"manifest", "events"})),
    Write("POST", "commands/", {"name": "list-sessions"}, _NAMED, frozenset({"name", "payload", "expected_version"})),
    Write("POST", "tokens/", _TOKEN, b'{"name": @, "scopes": ["*"]}', frozenset({*_TOKEN, "expires_in", "expires_at"})),
]

_TEMPERATURES: list[Any] = [3, -0.1, "hot", True]
_LIMITS: list[Any] = [0, -1, 2**40, 1.5, "9"]
_TOOLS: list[Any] = ["search", [1], [""], ["x" * 101], {}]
_ARGUMENTS: list[Any] = [[], "{}", None, 1]
_METADATA_VALUES: list[Any] = [1, "x", [], True]
_CONFIGS: list[Any] = [
    *(1, "x", []),
    *({**ECHO, "temperature": given} for given in _TEMPERATURES),
    *({**ECHO, "max_tokens": given} for given in _LIMITS),
    *({**ECHO, "tools": given} for given in _TOOLS),
    {**ECHO, "provider": ""},
    {**ECHO, "model": "x" * 101},
    {**ECHO, "context_strategy": "magic"},
    {**ECHO, "provider_options": []},
    {**ECHO, "api_key": "secret"},
    {**ECHO, "system_prompt": 1},
]
_INCOMPLETE_CONFIGS: list[Any] = [None, {}, {"provider": "echo"}]
_REMOVALS: list[Any] = [{"provider": None}, {"model": None}]
_CALL = {"type": "tool_call", "tool_call_id": "c", "name": "n"}
_CONTENTS: list[Any] = [
    *(1, True, {}, [1], [None], ["x"], [[]], [{}]),
    *([{"type": kind}] for kind in ("text", "image", "tool_call", "tool_result", "video", "", 1, None)),
    [{"text": "x"}],
    [{"type": "text", "text": 1}],
    [{"type": "text", "text": "x", "extra": 1}],
    [{"type": "text", "text": "fine"}, {"type": "text"}],
    *([{"type": "image", "url": given}] for given in ("", "x" * 8193, 1, None)),
    [{"type": "image", "url": "u", "detail": "max"}],
    [_CALL],
    *([{**_CALL, "args": given}] for given in _ARGUMENTS),
    [{"type": "tool_result", "tool_call_id": "c", "content": ["x"]}],
]
_CALLS: list[Any] = [1, {}, "x", [1], [{}], [{"type": "text", "text": "x"}], [{"tool_call_id": "c", "name": "n"}], None]
_LABELS: list[Any] = [1, "", " \n", "x" * 201, [], {}]
_VERSIONS: list[Any] = ["1", 1.5, -1, True, [1]]
_COUNTS: list[Any] = [-1, 2**53 + 1, 2**62, 1.5, "1", True, [1], {}]

WRONG_FIELDS: dict[str, dict[str, list[Any]]] = {
    "POST tokens/": {"scopes": [None, "x", [], ["x"]], "expires_in": ["1", 0, 1.5, -1], "expires_at": [1, "x"]},
    "POST sessions/": {
        "title": [1, None, [], {}, "x" * 201, "\u2603" * 201],
        "metadata": [*_METADATA_VALUES, None],
        "config": [*_CONFIGS, *_INCOMPLETE_CONFIGS],
        "id": ["x", 1, "", {}, [], "0198"],
    },
    "POST sessions/import/": {"manifest": [1, "x", [], {}, None], "events": [1, "x", {}, [], [1], [{}], None]},
    "PATCH sessions/{session}/": {
        "title": [1, [], "x" * 201],
        "is_active": ["true", 1, 0, "", []],
        "metadata": _METADATA_VALUES,
        "config": [*_CONFIGS, *_REMOVALS],
        "metrics": [1, [], {"total_tokens": 1}, *({"prompt_tokens": count} for count in [*_COUNTS, None])],
    },
    "POST sessions/{session}/messages/": {
        "content": [*_CONTENTS, None],
        "role": ["king", "USER", "", 1, None, ["user"]],
        "message_id": ["x", 1, ""],
        "conversation_id": ["x", 1, "main"],
        "tool_call_id": [1, [], "x" * 201],
        "tool_calls": _CALLS,
        "metadata": [*_METADATA_VALUES, None],
        "answer": ["yes", 1, None],
        "expected_version": _VERSIONS,
    },
    "PATCH sessions/{session}/messages/{message}/": {"content": _CONTENTS, "metadata": _METADATA_VALUES},
    "POST sessions/{session}/conversations/": {
        "name": _LABELS,
        "id": ["x", 1, "", {}, []],
        "input": _CONTENTS,
        "system": [1, [], {}],
        "answer": ["yes", 1, None, True],
        "metadata": [*_METADATA_VALUES, None],
        "message_id": ["x", 1, "", None],
        "expected_version": _VERSIONS,
    },
    "PATCH sessions/{session}/conversations/{session}/": {
        "name": _LABELS,
        "is_archived": ["yes", 1, True],
    },
    "POST sessions/{session}/messages/{message}/edit/": {
        "content": [*_CONTENTS, None],
        "name": _LABELS,
        "answer": ["yes", 1, None],
        "expected_version": _VERSIONS,
    },
    "POST sessions/{session}/messages/{message}/regenerate/": {
        "model": [1, "", []],
        "provider": [1, "", []],
        "id": ["x", 1, ""],
        "expected_version": _VERSIONS,
    },
    "POST sessions/{session}/graphs/": WRONG_GRAPHS,
    "POST sessions/{session}/context/compact/": {
        "id": ["x", 1, "", {}, []],
        "conversation": ["x", 1, "main"],
        "on_busy": ["wait", 1, None],
        "expected_version": _VERSIONS,
    },
    "POST sessions/{session}/runs/": {
        "input": [*_CONTENTS],
        "id": ["x", 1, "", {}, []],
        "conversation": ["x", 1, "main"],
        "provider": ["", 1, [], "x" * 101],
        "model": ["", 1, [], "x" * 101],
        "tools": ["x", 1, [1], {}],
        "on_busy": ["wait", 1, None],
        "on_interrupt": ["wait", 1, None],
        "config": [
            *(1, "x", [], None, {"model": "echo"}),
            *({"temperature": given} for given in _TEMPERATURES),
            *({"max_tokens": given} for given in _LIMITS),
        ],
        "timeout": [0, -1, "9", 1e9, True, []],
        "budget": [
            *(1, "x", [], {"eur": 1}),
            *({"tokens": given} for given in _LIMITS[:2] + _LIMITS[3:]),
            *({"usd": given} for given in [0, -1, "x", "NaN", "Infinity", 1e10, "1e-17", "1e-999999", [], True]),
        ],
        "metadata": [*_METADATA_VALUES, None],
        "expected_version": _VERSIONS,
    },
    "PATCH runs/{run}/": {"input": [*_CONTENTS, None], "expected_version": _VERSIONS},
    "POST sessions/{session}/erasure/": {"expected_version": _VERSIONS},
    "POST sessions/{session}/shares/": {
        "username": [1, None, "", [], "x" * 151, "nobody"],
        "role": ["owner", "Editor", 1, None, []],
        "expected_version": _VERSIONS,
    },
    "POST runs/{run}/cancel/": {"expected_version": _VERSIONS},
    "POST runs/{run}/retry/": {"model": [1, "", []], "provider": [1, "", []], "expected_version": _VERSIONS},
    "POST graphs/{graph}/cancel/": {"expected_version": _VERSIONS},
    "POST graphs/{graph}/retry/": {"nodes": ["a", 1, [1], {}, ["x" * 65]], "expected_version": _VERSIONS},
    "POST runs/{run}/continue/": {"expected_version": _VERSIONS},
    "POST runs/{run}/decisions/": {"tool_call_id": [1, None, "x" * 201], "approve": ["yes", 1, None]},
    "POST sessions/{session}/metrics/": {
        "prompt_tokens": [*_COUNTS, None],
        "completion_tokens": [*_COUNTS, None],
        "context_tokens": _COUNTS,
        "expected_version": _VERSIONS,
    },
    "POST sessions/{session}/artifacts/": {
        "name": [1, None, "", "x" * 201, "../x", "a/b", "a\\b", ".x", "a\n", " x", "\u202ex"],
        "content_type": [1, None, "", "x", "image/png", "text/plain", "text html", "x" * 99],
        "metadata": [*_METADATA_VALUES, None],
        "artifact_id": ["x", 1, ""],
        "expected_version": _VERSIONS,
    },
    "POST exports/": {},
    "POST tickets/": {},
    "POST commands/": {"name": [1, None, [], {}], "payload": [1, None, [], "x"], "expected_version": _VERSIONS},
}
WRONG_FIELDS[f"PUT sessions/{SOME}/"] = WRONG_FIELDS["POST sessions/"] | {"id": [SOME], "session_id": [SOME]}
