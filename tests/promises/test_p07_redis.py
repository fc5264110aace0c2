"""P7: Redis is disposable. Without it at least 99 % of POSTs are acknowledged, p99 <= 500 ms, and queued work is done
by the database poll."""

from functools import partial

from tests.flow.stack import Browser, wait_until
from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, percentile
from tests.harness.scale import scaled
from tests.promises.load import Writer, paced

WRITERS = 4
SECONDS = min(scaled(8), 60)
INTERVAL = 0.1


def enqueue(browser: Browser, session: str, text: str) -> str:
    """Leave a message to the workers; the command's id."""
    body = {"name": "add-message", "payload": {"session_id": session, "content": text}}
    answer = browser.call("POST", "commands/", body, Prefer="respond-async")
    assert answer.status_code == 202, answer.text
    ident: str = answer.json()["command_id"]
    return ident


def is_done(browser: Browser, command: str) -> bool:
    """Whether a worker has done it."""
    return bool(browser.call("GET", f"commands/{command}/").json()["state"] == "done")


def test_posts_and_queued_work_go_on_while_redis_is_frozen(cluster: Cluster, history: History) -> None:
    browser = cluster.browser()
    session, other = browser.new_session(), browser.new_session()
    count = int(SECONDS / INTERVAL)

    def write(number: int, *, writer: int, client: Writer) -> None:
        client.attempt(f"{session}-{writer}-{number}")

    writers = [
        partial(write, writer=number, client=Writer(cluster.browser(number), session, history))
        for number in range(WRITERS)
    ]
    cluster.redis_proxy.black_hole()
    with paced(writers, count, INTERVAL):
        queued = [enqueue(browser, other, f"queued {number}") for number in range(10)]
        for command in queued:
            wait_until(partial(is_done, browser, command), deadline=SECONDS, what="the end of a queued command")
    p99 = percentile(history.took, 0.99)
    figures = {"acknowledged": history.count(), "asked": history.kinds["invoke"], "p99": round(p99, 3)}
    history.figures("without Redis", **figures)
    assert history.count() >= 0.99 * history.kinds["invoke"]
    assert p99 <= 0.5, figures
    check_log(history, cluster.messages(session))
    texts = [text for _, ident, text in cluster.messages(other) if ident]
    assert sorted(text or "" for text in texts) == sorted(f"queued {number}" for number in range(10))
