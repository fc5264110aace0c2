"""The spine from outside: command, handler, event, projection, signal, group, hub, socket; the reply in a worker."""

import asyncio

from tests.flow.sockets import receive, socket_to
from tests.flow.stack import Stack


def test_a_posted_message_reaches_the_socket(stack: Stack) -> None:
    browser = stack.login("alice")
    session = browser.new_session(title="live")

    async def watch() -> None:
        async with socket_to(browser, f"/ws/sessions/{session}/?after=1") as socket:
            assert (await receive(socket))["result"] == {"subscription": "s1", "head": 1, "recovered": True}
            said = await asyncio.to_thread(browser.say, session, "hello")
            frame = await receive(socket)
            assert frame["subscription"] == "s1"
            assert frame["event"]["type"] == "message-added"
            assert frame["event"]["version"] == said["version"] == 2
            assert frame["event"]["data"]["content"] == [{"type": "text", "text": "hello"}]

    asyncio.run(watch())


def test_the_answer_streams_from_a_worker_to_a_socket_at_another_web(stack: Stack) -> None:
    browser, elsewhere = stack.login("alice"), stack.login("alice", 1)
    config = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0.02}}
    session = browser.new_session(config=config)

    async def watch() -> tuple[str, str]:
        text, final = "", ""
        async with socket_to(elsewhere, f"/ws/sessions/{session}/?after=1") as socket:
            await receive(socket)
            await asyncio.to_thread(browser.say, session, "one two three four five six", answer=True)
            while not final:
                frame = await receive(socket)
                if "notice" in frame:
                    notice = frame["notice"]
                    assert notice["offset"] == len(text)
                    text += notice["text"]
                elif frame["event"]["type"] == "message-added" and frame["event"]["data"]["role"] == "assistant":
                    final = frame["event"]["data"]["content"][0]["text"]
        return text, final

    text, final = asyncio.run(watch())
    assert text == final == "[echo] one two three four five six"
