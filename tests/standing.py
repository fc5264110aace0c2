"""What a whole file of tests looks at and none of them changes: made once, in a transaction around theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction


@contextmanager
def ground(blocker: Any) -> Iterator[None]:
    """While inside, what is written stands for all tests with `db`, each of which is undone by itself; then it goes."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # what must be outermost may be inside it, as in a test
    with blocker.unblock(), around:
        yield
        transaction.set_rollback(True)
