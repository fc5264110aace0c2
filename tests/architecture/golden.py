"""Writes the golden files that are missing, from made-up events. Run by hand after adding an event or a schema:
`.venv/bin/python -m tests.architecture.golden`, then look at the file. Existing files are never touched."""

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints
from uuid import UUID

import msgspec

FOLDER = Path(__file__).resolve().parents[1] / "golden"
SESSION = UUID("0198f2c4-aaaa-7000-8000-000000000001")
OTHER = UUID("0198f2c4-aaaa-7000-8000-000000000002")


def examples() -> dict[str, Any]:
    """A value for each field, by name; where fields of one name differ in kind, by `type.name`."""
    from sessions_app import values
    from sessions_app.events import KeptUsage
    from sessions_app.llm.base import Usage
    from sessions_app.orchestration import spec

    call = values.ToolCallPart(tool_call_id="call-1", name="search", args={"query": "snowman \u2603", "limit": 3})
    config = values.SessionConfig(
        provider="openai",
        model="gpt-4o",
        system_prompt="Be kind.",
        temperature=0.5,
        max_tokens=1000,
        context_strategy="truncate",
        tools=["search"],
        provider_options={"delay": 0.1, "nested": {"a": [1, None, True]}},
    )
    content: values.Content = [
        values.TextPart(text="hello \u2603"),
        values.ImagePart(url="https://example.org/a.png", detail="high", alt_text="a picture"),
        call,
        values.ToolResultPart(tool_call_id="call-1", content="found"),
    ]
    system = values.ChatMessage(
        id=OTHER,
        role=values.Role.SYSTEM,
        content=[values.TextPart(text="Be kind.")],
        created_at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        metadata={"a": 1},
    )
    node = spec.GraphNode(
        node_id=OTHER,
        key="sum_up",
        names=["first"],
        rank=2,
        user="Sum up {{ nodes.first.output }}",
        system="Be brief.",
        prompt="summarize",
        prompt_version=3,
        variables={"topic": "buses"},
        dependencies=[SESSION],
        join=1,
        condition="nodes.first.output",
        on_dependency_failure="skip",
        provider="openai",
        model="gpt-4o",
        config=values.RunConfig(temperature=0.5),
        tools=["clock"],
        retry=spec.Retry(max_attempts=3, backoff=2.0, on=["timeout"]),
        timeout=60.0,
        budget=values.RunBudget(tokens=5000),
        on_interrupt="keep",
        metadata={"a": 1},
    )
    change = spec.NodeChange(
        node_id=OTHER, state="running", run_id=OTHER, conversation_id=SESSION, attempt=1, code="x", reason="why"
    )
    used = KeptUsage(
        day=date(2026, 11, 20),
        provider="openai",
        model="gpt-4o",
        input_tokens=7,
        cache_read_tokens=2,
        cache_write_tokens=1,
        output_tokens=4,
        reasoning_tokens=1,
        cost=Decimal("0.000075"),
    )
    return {
        "graph_id": OTHER,
        "graph-started.variables": {"topic": "buses"},
        "kind": "graph",
        "max_parallel": 4,
        "nodes": [node],
        "node_ids": [OTHER],
        "graph-advanced.changes": [change],
        "totals": spec.Totals(done=1, total=3, running=1, failed=1, tokens=900, cost=Decimal("0.000075"), eta=12.5),
        "graph-ended.state": "failed",
        "owner_id": 7,
        "user_id": 7,
        "token_id": OTHER,
        "address": "192.0.2.7",
        "description": "Reads mail",
        "prefix": "parley_AbCdEf",
        "digest": "0" * 64,
        "scopes": ["runs:write", "sessions:read"],
        "expires_at": datetime(2027, 1, 31, 12, tzinfo=UTC),
        "title": "A session",
        "config": config,
        "max_context_window": 128_000,
        "metadata": {"a": {"b": [1, 2.5, None]}},
        "state": {"seen": 3},
        "updates": {"title": "New"},
        "changes": {"model": "gpt-4o", "temperature": None},
        "system_message": system,
        "content": content,
        "message_id": OTHER,
        "conversation_id": SESSION,
        "run_id": OTHER,
        "command_id": OTHER,
        "attempt": 1,
        "role": values.Role.ASSISTANT,
        "tool_call_id": "call-1",
        "tool_calls": [call],
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "context_tokens": 15,
        "cost": Decimal("0.000075"),
        "usage": Usage(
            input_tokens=7,
            cache_read_tokens=2,
            cache_write_tokens=1,
            output_tokens=4,
            reasoning_tokens=1,
            raw={"prompt_tokens": 10},
        ),
        "entries": [values.NewCost(usage_id=OTHER, before=None, cost=Decimal("0.000075"))],
        "difference": Decimal("0.000075"),
        "estimated_cost": Decimal("0.000075"),
        "metrics": values.TokenMetrics.of(10, 5, Decimal("0.000075"), 15, 128_000),
        "utilization": 0.81,
        "threshold": 0.8,
        "plugin": "notes",
        "about_version": 3,
        "provider": "openai",
        "model": "gpt-4o",
        "finish_reason": "stop",
        "error": "no answer",
        "source": "plugins.notes",
        "tools": ["search"],
        "client_tools": [
            values.ClientTool(
                name="weather",
                description="Of a place.",
                parameters={"type": "object", "properties": {"place": {"type": "string"}}},
                strict=True,
            )
        ],
        "waits": True,
        "first": False,
        "input": content,
        "on_interrupt": "retry",
        "retries": OTHER,
        "continues": OTHER,
        "upto": 7,
        "asked": 5,
        "tool_call_ids": ["call-1"],
        "approved": True,
        "delay": 2.5,
        "code": "rate-limited",
        "first_token": 0.25,
        "reason": "length",
        "strategy": "truncate",
        "method": "truncate",
        "tokens": 900,
        "budget": 1000,
        "timeout": 90.0,
        "run-requested.config": values.RunConfig(
            temperature=0.5, max_tokens=1000, system_prompt="Be brief.", provider_options={"top_p": 0.9}
        ),
        "run-requested.budget": values.RunBudget(tokens=5000, usd=Decimal("0.25")),
        "left_out": {"dropped": 3},
        "name": "Another way",
        "parent": SESSION,
        "forked_at": 7,
        "is_archived": True,
        "artifact_id": OTHER,
        "version": 2,
        "content_type": "application/json",
        "size": 11,
        "sha256": "0" * 64,
        "missing": [OTHER],
        "to": OTHER,
        "answer": True,
        "hops": 1,
        "reply_to": OTHER,
        "session-shared.role": "editor",
        "session-erased.usage": [used],
        "counts": {"events": 12, "messages": 3},
        "days": 30,
        "setting-changed.kind": "sessions_app.budget",
        "row": "7",
        "what": "changed",
        "fields": ["Tokens"],
    }


def main() -> None:
    """Write what is missing, say what was written."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from bus.log import codec
    from bus.registry import default

    FOLDER.mkdir(exist_ok=True)
    known = examples()
    for kind in default.events.values():
        path = FOLDER / f"{kind.type}.v{kind.schema}.json"
        if path.exists() or not kind.__module__.startswith(("bus.", "sessions_app.")):
            continue
        names = [name for name in get_type_hints(kind) if name in kind.__struct_fields__ and name != "session_id"]
        event = kind(session_id=SESSION, **{name: known.get(f"{kind.type}.{name}", known.get(name)) for name in names})
        data = json.loads(codec.encode_data(event))
        path.write_text(json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
        msgspec.convert(data, kind)
        print(f"wrote {path.name}")


if __name__ == "__main__":
    main()
