"""The S1 table: every address, public command, socket method and admin page, and whose it is.

A new route or command fails `test_isolation.py` until it stands here."""

from typing import Any, NamedTuple


class Route(NamedTuple):
    """`kind`: `owned` names an object of one owner, `list` shows one's own, `open` is for all, `staff` for operators,
    `gone` is no place.

    `calls` are the (method, body) pairs that Alice can make, with an acceptable body; `owner`: the methods that are
    hers alone, whoever else may change the session."""

    kind: str
    calls: tuple[tuple[str, Any], ...] = (("GET", None),)
    owner: tuple[str, ...] = ()


API: dict[str, Route] = {
    "sessions/": Route("list", (("GET", None), ("POST", {}))),
    "sessions/import/": Route("list", (("POST", {}),)),
    "sessions/<uuid:session_id>/": Route(
        "owned", (("GET", None), ("PUT", {}), ("PATCH", {"title": "x"}), ("DELETE", None)), owner=("DELETE",)
    ),
    "sessions/<uuid:session_id>/messages/": Route("owned", (("GET", None), ("POST", {"content": "x"}))),
    "sessions/<uuid:session_id>/messages/<uuid:message_id>/": Route(
        "owned", (("GET", None), ("PATCH", {"content": "x"}))
    ),
    "sessions/<uuid:session_id>/messages/<uuid:message_id>/regenerate/": Route("owned", (("POST", {}),)),
    "sessions/<uuid:session_id>/messages/<uuid:message_id>/edit/": Route("owned", (("POST", {"content": "x"}),)),
    "sessions/<uuid:session_id>/conversations/": Route("owned", (("GET", None), ("POST", {"name": "x"}))),
    "sessions/<uuid:session_id>/conversations/<uuid:conversation_id>/": Route(
        "owned", (("GET", None), ("PATCH", {"name": "x"}))
    ),
    "sessions/<uuid:session_id>/history/": Route("owned"),
    "sessions/<uuid:session_id>/metrics/": Route("owned", (("GET", None), ("POST", {"prompt_tokens": 1}))),
    "sessions/<uuid:session_id>/events/": Route("owned"),
    "sessions/<uuid:session_id>/state/": Route("owned"),
    "sessions/<uuid:session_id>/export/": Route("owned"),
    "sessions/<uuid:session_id>/runs/": Route("owned", (("GET", None), ("POST", {"input": "x"}))),
    "sessions/<uuid:session_id>/context/plan/": Route("owned"),
    "sessions/<uuid:session_id>/context/count/": Route("owned"),
    "sessions/<uuid:session_id>/context/compact/": Route("owned", (("POST", {}), ("DELETE", None))),
    "sessions/<uuid:session_id>/shares/": Route(
        "owned", (("GET", None), ("POST", {"username": "dora"})), owner=("POST",)
    ),
    "sessions/<uuid:session_id>/shares/<int:user_id>/": Route("owned", (("DELETE", None),), owner=("DELETE",)),
    "sessions/<uuid:session_id>/erasure/": Route("owned", (("GET", None), ("POST", {})), owner=("POST",)),
    "sessions/<uuid:session_id>/graphs/": Route("owned", (("GET", None), ("POST", {"prompt": "x"}))),
    "graphs/<uuid:graph_id>/": Route("owned"),
    "graphs/<uuid:graph_id>/cancel/": Route("owned", (("POST", {}),)),
    "graphs/<uuid:graph_id>/retry/": Route("owned", (("POST", {}),)),
    "nodes/<uuid:node_id>/": Route("owned"),
    "runs/<uuid:run_id>/": Route("owned", (("GET", None), ("PATCH", {"input": "x"}))),
    "runs/<uuid:run_id>/cancel/": Route("owned", (("POST", {}),)),
    "runs/<uuid:run_id>/retry/": Route("owned", (("POST", {}),)),
    "runs/<uuid:run_id>/continue/": Route("owned", (("POST", {}),)),
    "runs/<uuid:run_id>/decisions/": Route(
        "owned", (("POST", {"tool_call_id": "c", "approve": True}),), owner=("POST",)
    ),
    "runs/<uuid:run_id>/stream/": Route("owned"),
    "sessions/<uuid:session_id>/artifacts/": Route("owned", (("GET", None), ("POST", {"name": "x", "data": 1}))),
    "artifacts/<uuid:artifact_id>/": Route("owned", (("GET", None), ("DELETE", None))),
    "artifacts/<uuid:artifact_id>/content/": Route("owned"),
    "analytics/": Route("list"),
    "search/": Route("list"),
    "events/": Route("list"),
    "exports/": Route("list", (("GET", None), ("POST", {}))),
    "exports/<uuid:export_id>/": Route("owned", (("GET", None), ("DELETE", None))),
    "exports/<uuid:export_id>/content/": Route("owned"),
    "models/": Route("shared"),
    "prompts/": Route("shared"),
    "prompts/<slug:name>/": Route("shared"),
    "tokens/": Route("list", (("GET", None), ("POST", {"name": "x", "scopes": ["sessions:read"]}))),
    "tokens/<uuid:token_id>/": Route("owned", (("GET", None), ("DELETE", None))),
    "account/events/": Route("list"),
    "service-accounts/": Route("staff", (("GET", None), ("POST", {"name": "x"}))),
    "service-accounts/<int:user_id>/": Route(
        "staff", (("GET", None), ("PATCH", {"is_active": True}), ("DELETE", None))
    ),
    "service-accounts/<int:user_id>/tokens/": Route("staff", (("GET", None), ("POST", {"name": "x", "scopes": ["*"]}))),
    "service-accounts/<int:user_id>/tokens/<uuid:token_id>/": Route("staff", (("DELETE", None),)),
    "tickets/": Route("list", (("POST", {}),)),
    "commands/": Route("list", (("POST", {"name": "list-sessions"}),)),
    "commands/<uuid:command_id>/": Route("owned"),
    "bus/": Route("staff"),
    "schema/": Route("open"),
    "docs/": Route("open"),
    "asyncapi.json": Route("open"),
    "": Route("gone"),
}

PAGES: dict[str, Route] = {
    "": Route("open"),
    "favicon.ico": Route("open"),
    "sessions/": Route("list", (("GET", None), ("POST", {"provider": "echo", "model": "echo"}))),
    "sessions/<uuid:session_id>/": Route("owned", (("GET", None), ("POST", {"content": "x"}))),
    "sessions/<uuid:session_id>/lines/": Route("owned"),
    "sessions/<uuid:session_id>/lines/<uuid:message_id>/text/": Route("owned"),
    "sessions/<uuid:session_id>/branches/": Route("owned"),
    "sessions/<uuid:session_id>/model/": Route("owned"),
    "sessions/<uuid:session_id>/sharing/": Route("owned"),
    "markup/": Route("shared", (("POST", {"text": "x"}),)),
    "words.js": Route("open"),
    "sessions/change/": Route("list", (("POST", {"do": "archive"}),)),
    "sessions/<uuid:session_id>/edit/": Route(
        "owned", (("GET", None), ("POST", {"title": "x"})), owner=("GET", "POST")
    ),
    "sessions/<uuid:session_id>/leave/": Route("list", (("POST", {}),)),
    "settings/": Route("list", (("GET", None), ("POST", {"first_name": "x"}))),
    "settings/password/": Route("list"),
    "settings/tokens/": Route("list", (("GET", None), ("POST", {"name": "x"}))),
    "settings/tokens/<uuid:token_id>/revoke/": Route("owned", (("POST", {}),)),
    "settings/providers/": Route("shared"),
    "settings/display/": Route("shared"),
    "settings/log/": Route("list"),
    "language/": Route("open", (("POST", {}),)),
    "theme/": Route("open", (("POST", {}),)),
    "sessions/<uuid:session_id>/graphs/": Route("owned"),
    "sessions/<uuid:session_id>/graphs/<uuid:graph_id>/": Route("owned"),
    "analytics/": Route("list"),
    "sessions/<uuid:session_id>/files/": Route("owned"),
    "data/": Route("list"),
    "sessions/<uuid:session_id>/log/": Route("owned", (("GET", None), ("POST", {}))),
    "sessions/<uuid:session_id>/context/": Route(
        "owned", (("GET", None), ("POST", {"command": "compact-context", "payload": "{}"}))
    ),
    "problems/<slug:code>": Route("open"),
    "login/": Route("open", (("GET", None), ("POST", {}))),
    "logout/": Route("open", (("POST", {}),)),
    "enter/<str:uidb64>/<str:token>/": Route("open"),
}

OPENAI: dict[str, Route] = {
    "chat/completions": Route("named", (("POST", {"model": "echo", "messages": [{"role": "user", "content": "x"}]}),)),
    "models": Route("shared"),
    "models/<path:name>": Route("shared"),
    "": Route("gone"),
}
"""Under /openai/v1/. `named`: the body may name a session; somebody else's is not found."""

COMMANDS: dict[str, tuple[str, dict[str, Any]]] = {
    "create-session": ("creates", {}),
    "ensure-session": ("owned", {}),
    "update-session": ("owned", {"title": "x"}),
    "add-message": ("owned", {"content": "x"}),
    "update-message": ("owned", {"message_id": "{message}", "content": "x"}),
    "update-token-metrics": ("owned", {"prompt_tokens": 1}),
    "record-interaction": ("owned", {"query": "q", "response": "r"}),
    "get-session": ("silent", {}),
    "delete-session": ("silent", {}),
    "list-sessions": ("list", {}),
    "start-conversation": ("owned", {"name": "x"}),
    "fork-conversation": ("owned", {"message_id": "{message}"}),
    "regenerate-message": ("owned", {"message_id": "{message}"}),
    "edit-message": ("owned", {"message_id": "{message}", "content": "x"}),
    "update-conversation": ("owned", {"conversation_id": "{conversation}", "name": "x"}),
    "request-run": ("owned", {"input": "x"}),
    "compact-context": ("owned", {}),
    "undo-compaction": ("owned", {}),
    "change-queued-run": ("owned", {"run_id": "{run}", "input": "x"}),
    "cancel-run": ("owned", {"run_id": "{run}"}),
    "retry-run": ("owned", {"run_id": "{run}"}),
    "continue-run": ("owned", {"run_id": "{run}"}),
    "decide-tool-call": ("owned", {"run_id": "{run}", "tool_call_id": "c", "approve": True}),
    "store-artifact": ("owned", {"name": "x", "data": {"a": 1}}),
    "delete-artifact": ("owned", {"artifact_id": "{artifact}"}),
    "send-to-session": ("owned", {"to": "0198f2c4-aaaa-7000-8000-00000000000a", "content": "x"}),
    "set-goal": ("owned", {"title": "x"}),
    "update-goal": ("owned", {"goal_id": "{message}", "title": "x"}),
    "close-goal": ("owned", {"goal_id": "{message}"}),
    "recall": ("list", {"query": "private"}),
    "review-goals": ("list", {}),
    "start-graph": ("owned", {"nodes": [{"key": "a", "prompt": "x"}]}),
    "execute-prompt": ("owned", {"prompt": "x"}),
    "execute-parallel": ("owned", {"prompts": ["x"]}),
    "cancel-graph": ("owned", {"graph_id": "{graph}"}),
    "retry-graph": ("owned", {"graph_id": "{graph}"}),
    "get-execution-status": ("owned", {"execution_id": "{node}"}),
    "get-conversation-history": ("owned", {"node_id": "{node}"}),
    "get-artifact": ("owned", {"artifact_id": "{artifact}"}),
    "list-artifacts": ("owned", {}),
    "erase-session": ("owned", {}),
    "set-retention": ("owned", {"days": 30}),
    "share-session": ("owned", {"username": "dora"}),
    "unshare-session": ("owned", {"user_id": 1}),
    "revoke-token": ("owned", {"token_id": "{token}"}),
    "erase-user": ("staff", {"user_id": 1}),
    "create-service-account": ("staff", {"name": "x"}),
    "disable-service-account": ("staff", {"user_id": 1}),
    "redrive-delivery": ("staff", {"subscriber": "x"}),
    "reprice-session": ("staff", {}),
}
"""`owned`: somebody else's is not found; `silent`: answers as it does for what does not exist; `list`: one's own."""

READS = {"get-session", "get-execution-status", "get-conversation-history", "get-artifact", "list-artifacts"}
"""Commands that somebody may give who may only read the session."""

OWNERS = {"delete-session", "erase-session", "set-retention", "decide-tool-call", "share-session", "unshare-session"}
"""Commands that are the owner's alone (`unshare-session` also of whoever leaves)."""

SOCKET: dict[str, tuple[str, dict[str, str]]] = {
    "subscribe": ("owned", {"session": "{session}"}),
    "command": ("owned", {"name": "add-message", "payload": "a command of COMMANDS"}),
    "presence": ("owned", {"session": "{session}"}),
    "authenticate": ("own", {"token": "anybody's"}),
    "unsubscribe": ("own", {}),
    "ping": ("own", {}),
}
"""`owned`: names a session, with such parameters; `own`: is about this socket only (or, with "user", its caller's own
account)."""

ADMIN: dict[str, str] = {
    "login": "open",
    **dict.fromkeys(("index", "logout", "password_change", "password_change_done", "jsi18n", ""), "staff"),
    **dict.fromkeys(("autocomplete", "view_on_site", "app_list", "auth_user_password_change"), "staff"),
    "search": "staff",
    **dict.fromkeys(("_changelist", "_history"), "model"),
    **dict.fromkeys(("bus", "bus_part", "health", "timeline", "ledger", "unpriced"), "model"),
    **dict.fromkeys(("redrive", "new_token", "new_account"), "write"),
    **dict.fromkeys(("_add", "_change", "_delete"), "write"),
}
"""Admin pages by name, those of each model by the end of theirs. `open`: for all; `staff`: for any of them; `model`:
with the right to see the model; `write`: with the right to change it."""
