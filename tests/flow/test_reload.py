"""Reload in mid-answer: whoever comes at any moment ends with the same text, no character lost or doubled."""

import asyncio
from collections.abc import Callable

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Browser, Stack

Progress = Callable[[], None]
TEXT = "Zwölf Boxkämpfer 🥊 jagen Viktor quer über den großen Sylter Deich 👩‍👩‍👧‍👧. " * 6


async def read_answer(browser: Browser, session: str, progress: Progress | None = None) -> tuple[str, str]:
    """Follows the answer from the start of the session to its end: the assembled and the final text."""
    assembled, final = "", ""
    async with socket_to(browser, f"/ws/sessions/{session}/?after=0") as socket:
        while not final:
            frame = await receive(socket)
            if "notice" in frame:
                offset, text = frame["notice"]["offset"], frame["notice"]["text"]
                assert offset <= len(assembled), "a hole in the text"
                assembled += text[len(assembled) - offset :]
                if progress is not None:
                    progress()
            elif frame.get("event", {}).get("type") == "message-added" and frame["event"]["data"]["run_id"]:
                final = frame["event"]["data"]["content"][0]["text"]
    return assembled, final


LEFT = """
SELECT count(*) FROM sessions_app_runchunk WHERE run IN (SELECT id FROM sessions_app_run WHERE session_id = %s)
"""


def test_readers_who_come_at_any_moment_assemble_the_same_text(stack: Stack) -> None:
    browser, elsewhere = stack.login("alice"), stack.login("alice", 1)
    config = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.02, "text": TEXT.strip()}}
    session = browser.new_session(config=config)

    async def watch() -> list[tuple[str, str]]:
        late: list[asyncio.Task[tuple[str, str]]] = []

        def another_reader() -> None:
            who = (browser, elsewhere)[len(late) % 2]
            late.append(asyncio.create_task(read_answer(who, session)))

        first = asyncio.create_task(read_answer(browser, session, another_reader))
        await asyncio.to_thread(browser.say, session, "go", answer=True)
        await first
        return [first.result(), *await asyncio.gather(*late)]

    results = asyncio.run(watch())
    assert len(results) >= 20
    expected = "[echo] " + TEXT.strip()
    assert {final for _, final in results} == {expected}
    assert results[0] == (expected, expected)
    for assembled, final in results:  # who came at the very end got the message itself, and no notice after it
        assert final.startswith(assembled)
    with stack.connect() as database:
        left = database.execute(LEFT, [session]).fetchone()
    assert left == (0,)
