"""P2: every accepted command or run reaches exactly one end, and has one effect, whatever dies meanwhile."""

from functools import partial

import pytest

from tests.harness.cluster import Cluster
from tests.harness.history import History, check_versions
from tests.harness.nemesis import Nemesis
from tests.promises.ends import ANSWER, check_commands, check_runs, wait_for_the_end
from tests.promises.load import Asker, Enqueuer, paced

EVERY = 5
"""One answer is wanted for so many commands of a writer."""


@pytest.mark.timeout(300)
def test_every_accepted_command_and_run_ends_once(cluster: Cluster, history: History, nemesis: Nemesis) -> None:
    browser = cluster.browser()
    queued, answered = browser.new_session(), browser.new_session(config=ANSWER)
    enqueuers = [Enqueuer(cluster.browser(number), queued, history) for number in range(2)]
    asker = Asker(browser, answered, history)

    def enqueue(number: int, *, client: Enqueuer, which: int) -> None:
        client.write(f"{queued}-{which}-{number}")

    def ask(number: int) -> None:
        if number % EVERY == 0:
            asker.write(f"{answered}-{number}")

    writers = [partial(enqueue, client=client, which=which) for which, client in enumerate(enqueuers)]
    with paced([*writers, ask], 100_000, 0.1) as enough:
        nemesis.strike()
        enough.set()
    accepted = {key: ident for key, ident in history.acknowledged.items() if key.startswith(queued)}
    with cluster.connect() as database:
        wait_for_the_end(database, queued, answered)
        commands = check_commands(cluster, database, queued, accepted)
        runs = check_runs(database, answered, history.count() - len(accepted))
    for session in (queued, answered):
        rows = cluster.messages(session)
        check_versions([row[0] for row in rows], len(rows))
    history.figures("ends", **commands, **runs)
