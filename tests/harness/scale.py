"""How large the promise tests are: 1 in CI, 10 in `make chaos`."""

import os

#: What every count and length of a promise test is multiplied by.
SCALE = int(os.environ.get("PROMISE_SCALE", "1"))


def scaled(count: int) -> int:
    """`count` of the CI size, as many times as large as this run asks for."""
    return count * SCALE
