"""Document 004: the session module, through the Python facade. Each test quotes the line of the contract it is
about."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from sessions_app.artifacts import blobs
from sessions_app.facade import NotInitialized, Prompt, Session
from sessions_app.models import Conversation, Message
from sessions_app.orchestration.spec import NodeSpec, Retry
from sessions_app.values import SessionConfig

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def ours(owner: User, **script: Any) -> AsyncIterator[Session]:
    config = SessionConfig(provider="echo", model="echo", provider_options={"delay": 0, **script})
    async with await Session.create_default(config=config, owner=owner) as session:
        yield session


def told(owner: User, what: Callable[[Session], Awaitable[Any]], **script: Any) -> Any:
    """What becomes of a session of the owner's."""

    async def main() -> Any:
        async with ours(owner, **script) as session:
            return await what(session)

    return asyncio.run(main())


def prompt(name: str, text: str = "", **more: Any) -> Prompt:
    return Prompt(name=name, user_prompt=text or f"do {name}", **more)


def test_a_conversation_is_started_with_a_name_and_a_first_prompt(alice: User) -> None:
    """`start_conversation(name, initial_prompt)` → conversation id; several conversations in one session; prompts are
    named, with a system and a user part."""

    async def what(session: Session) -> list[Any]:
        setup = prompt("initial_setup", "Let us begin.", system_prompt="You are a helpful assistant.")
        return [await session.start_conversation(name, setup, answer=False) for name in ("one", "two")]

    first, second = told(alice, what)
    assert first != second
    assert Conversation.objects.get(id=first).name == "one"
    said = Message.objects.filter(conversation_id=first).order_by("position").values_list("role", flat=True)
    assert list(said) == ["system", "user"]


def test_prompts_run_after_what_they_depend_on(alice: User) -> None:
    """`execute_prompt(prompt, dependencies=[…])` → id; `get_execution_status(id)`."""

    async def what(session: Session) -> Any:
        first = await session.execute_prompt(prompt("analysis"))
        second = await session.execute_prompt(prompt("summary"), dependencies=[first])
        done = await session.wait(second, timeout=20)
        return done, await session.get_execution_status(first)

    done, before = told(alice, what)
    assert (done["state"], before["state"]) == ("succeeded", "succeeded")
    assert done["dependencies"] == [before["id"]]
    answered = Message.objects.get(id=before["message_id"]).position
    assert all(said.position > answered for said in Message.objects.filter(conversation_id=done["conversation_id"]))


def test_prompts_run_in_parallel_but_no_more_than_may(alice: User) -> None:
    """`execute_parallel(prompts, max_parallel)` → ids. Parallel: controlled concurrency, progress tracking, group
    status."""

    async def what(session: Session) -> Any:
        ids = await session.execute_parallel([prompt(f"p{n}") for n in range(5)], max_parallel=2)
        one = await session.get_execution_status(ids[0])
        before = await session.get_execution_status(one["graph_id"])
        return ids, before, await session.wait(one["graph_id"], timeout=20)

    ids, before, after = told(alice, what)
    assert len(set(ids)) == 5
    assert before["max_parallel"] == 2
    assert before["progress"]["running"] <= 2
    assert (after["state"], after["progress"]["done"], after["progress"]["total"]) == ("succeeded", 5, 5)


def test_the_history_of_an_execution_goes_along_its_dependencies(alice: User) -> None:
    """`get_conversation_history(node_id, max_depth)`; hierarchical views; rich metadata."""

    async def what(session: Session) -> Any:
        first = await session.execute_prompt(prompt("a"), metadata={"by": "me"})
        second = await session.execute_prompt(prompt("b"), dependencies=[first])
        third = await session.execute_prompt(prompt("c"), dependencies=[second])
        await session.wait(third, timeout=20)
        history = session.get_conversation_history
        return await history(third), await history(third, max_depth=1), await history(third, shape="tree")

    whole, near, tree = told(alice, what)
    assert [one["node"]["input"].splitlines()[-1] for one in whole] == ["do a", "do b", "do c"]
    assert whole[0]["node"]["metadata"] == {"by": "me"}
    assert len(near) == 2
    assert tree["dependencies"][0]["dependencies"][0]["node"]["output"] == "[echo] do a"


def test_artifacts_are_stored_found_and_listed(alice: User) -> None:
    """Artifacts: `store_artifact(name, data, content_type, metadata)`, `get_artifact(id)`, `list_artifacts()`."""

    async def what(session: Session) -> Any:
        data = {"summary": "findings"}
        kept = await session.store_artifact("analysis_result", data, content_type="json", metadata={"type": "analysis"})
        return kept, await session.get_artifact(kept["id"]), await session.list_artifacts()

    kept, read, listed = told(alice, what)
    assert read == b'{"summary":"findings"}'
    assert kept["metadata"] == {"type": "analysis"}
    assert [one["id"] for one in listed] == [kept["id"]]


def test_a_way_is_taken_only_where_its_condition_holds(alice: User) -> None:
    """Dependencies: automatic resolution, execution-order optimisation, **conditional paths**."""
    nodes = [
        NodeSpec(key="last", prompt="end", dependencies=["yes", "no"], join="any"),
        NodeSpec(key="yes", prompt="go on", dependencies=["ask"], condition="'really' in nodes.ask.output"),
        NodeSpec(key="no", prompt="stop", dependencies=["ask"], condition="'really' not in nodes.ask.output"),
        NodeSpec(key="ask", prompt="really?"),
    ]

    async def what(session: Session) -> Any:
        return await session.wait(await session.execute_graph(nodes), timeout=20)

    done = told(alice, what)
    assert {node["key"]: node["state"] for node in done["nodes"]} == {
        "ask": "succeeded",
        "yes": "succeeded",
        "no": "skipped",
        "last": "succeeded",
    }


def test_failures_are_tracked_tried_again_and_tell_those_that_wait(alice: User) -> None:
    """Errors: tracked in full, automatic retry strategies, dependency-failure policy, clean-up."""
    nodes = [
        NodeSpec(key="bad", prompt="bad", retry=Retry(max_attempts=2, backoff=0)),
        NodeSpec(key="left_out", prompt="x", dependencies=["bad"], on_dependency_failure="skip"),
        NodeSpec(key="all_the_same", prompt="x", dependencies=["bad"], on_dependency_failure="run"),
    ]

    async def what(session: Session) -> Any:
        return await session.wait(await session.execute_graph(nodes), timeout=20)

    done = told(alice, what, error="refused", only="bad")
    bad, left_out, all_the_same = done["nodes"]
    assert (bad["state"], bad["attempt"], bad["code"]) == ("failed", 2, "refused")
    assert bad["reason"]
    assert (left_out["state"], all_the_same["state"]) == ("skipped", "succeeded")


def test_a_session_is_ready_in_one_call(alice: User) -> None:
    """`create_default(api_key, storage_path, config, llm_registry, prompt_loader, session_id)` in one call, ready to
    use; the manual path fails clearly before `initialize()`."""

    async def main() -> Any:
        by_hand = Session(api_key="unused", owner=alice)
        with pytest.raises(NotInitialized, match="initialize"):
            await by_hand.execute_prompt(prompt("x"))
        await by_hand.initialize()
        first = by_hand.id
        await by_hand.close()
        async with await Session.create_default(owner=alice, session_id=first, works=False) as same:
            return first, same.id

    first, same = asyncio.run(main())
    assert first == same


def test_a_script_brings_its_own_storage_models_and_prompts(
    alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models: capability validation, provider interface made on demand, registry."""
    monkeypatch.setattr(blobs, "_instead", [])
    monkeypatch.setattr(settings, "LLM_PROVIDERS", dict(settings.LLM_PROVIDERS))

    async def main() -> Any:
        session = await Session.create_default(
            owner=alice,
            storage_path=tmp_path,
            llm_registry={"parrot": "sessions_app.llm.providers.echo.EchoProvider"},
            config=SessionConfig(provider="parrot", model="echo", provider_options={"delay": 0}),
            prompt_loader=lambda name: prompt(name, "say {{ what }}", variables={"what": "hello"}),
        )
        async with session:
            await session.store_artifact("note", b"bytes", "application/octet-stream")
            return await session.wait(await session.execute_prompt(Prompt(name="greet")), timeout=20)

    done = asyncio.run(main())
    assert (done["state"], done["provider"]) == ("succeeded", "parrot")
    assert any(path.is_file() for path in tmp_path.rglob("*"))
