"""P2: every accepted command reaches exactly one end, and has one effect, whatever dies meanwhile."""

from functools import partial
from typing import Any

import httpx

from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_versions
from tests.promises.load import check_unavailable, paced

BETWEEN = 12
"""Commands accepted before each fault."""
DONE_WITHIN = 30.0

_ENDS = "SELECT state, count(*) FROM bus_work WHERE session = %s GROUP BY state"


def enqueue(number: int, *, browser: Browser, session: str, history: History) -> None:
    """Leave a message to the workers, once: what is not accepted is not counted."""
    key = f"{session}-{number}"
    body = {"name": "add-message", "payload": {"session_id": session, "content": key}}
    try:
        answer = browser.call("POST", "commands/", body, Prefer="respond-async", Idempotency_Key=key)
    except httpx.TransportError as error:
        history.note("info", key, error=repr(error))
        return
    if answer.status_code == 202:
        history.ok(key, answer.json()["command_id"], 0)
    else:
        check_unavailable(answer)


def test_every_accepted_command_is_done_once(cluster: Cluster, history: History) -> None:
    browser = cluster.browser()
    session = browser.new_session()
    writer = partial(enqueue, browser=browser, session=session, history=history)
    with paced([writer], 2000, 0.05) as enough:
        for fault in (
            partial(cluster.kill_worker, 0),
            cluster.kill_redis,
            partial(cluster.kill_worker, 1),
            cluster.start_servers,
            cluster.flush_redis,
        ):
            history.reach(history.count() + BETWEEN)
            fault()
        history.reach(history.count() + BETWEEN)
        enough.set()

    def ends(database: Any) -> bool:
        return dict(database.execute(_ENDS, [session]).fetchall()) == {"done": history.count()}

    with cluster.connect() as database:
        wait_until(partial(ends, database), deadline=DONE_WITHIN, what=f"the end of {history.count()} commands")
    rows = cluster.messages(session)
    check_versions([row[0] for row in rows], 1 + history.count())
    assert sorted(text or "" for _, ident, text in rows if ident) == sorted(history.acknowledged)
