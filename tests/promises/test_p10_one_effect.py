"""P10: the same Idempotency-Key has one effect: in parallel, and when the answer to COMMIT is lost."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.harness.cluster import Cluster
from tests.harness.history import History, check_log
from tests.harness.proxy import COMMITTED
from tests.harness.scale import scaled
from tests.promises.load import Writer

KEYS = scaled(20)
PARALLEL = 10


def test_parallel_posts_with_one_key_make_one_message(cluster: Cluster, history: History) -> None:
    session = cluster.browser().new_session()
    writers = [Writer(cluster.browser(number), session, history) for number in range(PARALLEL)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        for number in range(KEYS):
            asked = [pool.submit(partial(writer.write, f"{session}-{number}")) for writer in writers]
            for done in asked:
                done.result()
    assert history.kinds["ok"] == KEYS * PARALLEL
    check_log(history, cluster.messages(session))
    assert len(cluster.messages(session)) == 1 + KEYS


def test_a_lost_answer_to_commit_and_a_retry_make_one_message(cluster: Cluster, history: History) -> None:
    session = cluster.browser().new_session()
    writer = Writer(cluster.browser(), session, history)
    for number in range(5):
        key, before = f"{session}-lost-{number}", cluster.database_proxy.cuts
        cluster.database_proxy.cut_on(COMMITTED, said=key.encode())
        assert writer.attempt(key) is False, "the answer was acknowledged though COMMIT was not answered"
        assert cluster.database_proxy.cuts == before + 1
        assert len(cluster.messages(session)) == 2 + number, "the transaction had committed"
        writer.write(key)
    check_log(history, cluster.messages(session))
    assert len(cluster.messages(session)) == 1 + 5
