"""P1: a 2xx means stored. Every acknowledged id is there, none twice, whatever was killed meanwhile."""

from functools import partial

from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log
from tests.promises.load import Writer, paced

WRITERS = 4
EACH = 50


def test_every_acknowledged_message_is_stored_once(cluster: Cluster, history: History) -> None:
    session = cluster.browser().new_session()

    def write(number: int, *, writer: int, client: Writer) -> None:
        key = f"{session}-{writer}-{number}"
        client.write(key)
        if number % 5 == 0:  # as a client would that has missed the answer
            client.write(key)

    writers = [
        partial(write, writer=number, client=Writer(cluster.browser(number), session, history))
        for number in range(WRITERS)
    ]
    with paced(writers, EACH, 0.2):
        for reached, fault in (
            (30, partial(cluster.kill_web, 0)),
            (80, partial(cluster.kill_web, 1)),
            (130, cluster.restart_postgres),
        ):
            history.reach(reached)
            fault()
    assert history.count() == WRITERS * EACH
    assert history.kinds["info"] + history.kinds["fail"] > 0, "no fault was noticed: nothing was tried"
    check_log(history, cluster.messages(session))
