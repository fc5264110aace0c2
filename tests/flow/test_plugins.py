"""The shipped plugins in real processes: a worker remembers and carries messages, a switch reaches all of them."""

from functools import partial
from typing import Any

from tests.flow.stack import Browser, Stack, wait_until

SWITCH_OFF = """
INSERT INTO sessions_app_plugin (name, enabled, failures, failures_total, failing, last_error, changed_at)
VALUES ('goals', false, 0, 0, '', '', now()) ON CONFLICT (name) DO UPDATE SET enabled = false
"""
QUICK = {"provider": "echo", "model": "echo", "provider_options": {"delay": 0}}


def test_a_worker_remembers_and_carries_messages_and_a_switch_reaches_every_process(stack: Stack) -> None:
    browser, elsewhere = stack.login("alice"), stack.login("alice", 1)

    def give(name: str, at: Browser = browser, **payload: Any) -> Any:
        return at.call("POST", "commands/", {"name": name, "payload": payload}).json()

    one, two = browser.new_session(config=QUICK), browser.new_session(config=QUICK)
    browser.say(one, "The ferry leaves at seven.")
    (found,) = wait_until(lambda: give("recall", query="ferry leaves")["data"], what="the memory")
    assert (found["session_id"], found["snippet"]) == (one, "The ferry leaves at seven.")

    sent = give("send-to-session", session_id=one, to=two, content="When does it leave?")["data"]["message_id"]

    def answered() -> Any:
        page = browser.call("GET", f"sessions/{one}/messages/").json()["data"]
        return [said for said in page if said["metadata"].get("coordination", {}).get("reply_to") == sent]

    (answer,) = wait_until(answered, what="the answer of the other session")
    assert "[echo] " in answer["content"][0]["text"]

    def refused(at: Browser) -> bool:
        return bool(give("review-goals", at).get("code") == "plugin-disabled")

    with stack.connect() as connection:
        connection.execute(SWITCH_OFF)
    for at in (browser, elsewhere):
        wait_until(partial(refused, at), what="the switch")
    with stack.connect() as connection:
        connection.execute("UPDATE sessions_app_plugin SET enabled = true WHERE name = 'goals'")
    wait_until(lambda: give("review-goals").get("data"), what="the switch back")
