"""P1: a 2xx means stored. Every acknowledged id is there, none twice, whatever was killed meanwhile."""

from collections.abc import Callable
from functools import partial

from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log, percentile
from tests.harness.scale import SCALE, scaled
from tests.promises.load import Writer, paced

WRITERS = 4
EACH = scaled(50)


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
    faults: list[Callable[[], None]] = [
        partial(cluster.kill_web, 0),
        partial(cluster.kill_web, 1),
        cluster.restart_postgres,
    ]
    if SCALE > 1:
        faults += [cluster.restart_postgres, partial(cluster.kill_web, 0)]
    with paced(writers, EACH, 0.2 if SCALE == 1 else 0.06):
        for number, fault in enumerate(faults):
            history.reach((number + 1) * WRITERS * EACH // (len(faults) + 2), deadline=120)
            fault()
    assert history.count() == WRITERS * EACH
    unanswered = history.kinds["info"] + history.kinds["fail"]
    assert unanswered > 0, "no fault was noticed: nothing was tried"
    check_log(history, cluster.messages(session))
    history.figures("posts", stored=history.count(), unanswered=unanswered, p99=percentile(history.took, 0.99))
