"""S5 over the whole description: requests made of it, as they should be and as they should not be, with a login and
without. No answer is a failure of ours, and every one is an answer that the description has. `make fuzz` tries more."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any

import pytest
import schemathesis
from django.test.client import ClientHandler
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok

from sessions_app.api.description import openapi
from tests.api.caller import Caller
from tests.api.test_isolation import Property

CASES = int(os.environ.get("FUZZ_CASES", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
LIVE = {"POST /openai/v1/chat/completions"}
"""What is answered by processes that serve what is live, which this one does not."""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
HERE = "http://testserver"
load_all_checks()
chosen = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]


class Tally:
    """How many answers of each kind there were, and to what."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.asked: Counter[str] = Counter()

    def add(self, operation: str, status: int) -> None:
        self.statuses[status] += 1
        self.asked[operation] += 1


handler = ClientHandler(enforce_csrf_checks=False)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The application within the test's transaction."""
    answer = handler(environ)
    body = answer.getvalue()
    start_response(f"{answer.status_code} {responses.get(answer.status_code, '')}", list(answer.items()))
    return [body]


def operations() -> list[Any]:
    """All operations; what removes things comes last."""
    schema = schemathesis.openapi.from_dict(openapi.document())
    schema.app = application
    found = [made.ok() for made in schema.get_all_operations() if isinstance(made, Ok)]
    found = [one for one in found if one.label not in LIVE]
    return sorted(found, key=lambda operation: (operation.method == "delete", operation.path, operation.method))


@pytest.mark.timeout(0 if CASES > 1000 else 300)
def test_what_the_description_allows_and_what_it_does_not_gets_an_answer_that_it_has(api: Caller) -> None:
    hers, tally = Property(api), Tally()
    headers = {"Authorization": f"Bearer {hers.api.post('tokens/', {'name': 'x', 'scopes': ['*']}).json()['token']}"}
    asked, wrong = operations(), list[str]()
    each = max(1, CASES // (2 * len(asked)))
    bounded = settings(
        max_examples=each,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for operation in asked:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(SEED)
            @bounded
            @given(case=operation.as_strategy(generation_mode=mode), there=st.integers(0, 3), known=st.integers(0, 9))
            def ask(case: Any, there: int, known: int) -> None:
                if there and case.path_parameters:  # mostly of what is there
                    case.path_parameters |= {key: hers.ids.get(key, v) for key, v in case.path_parameters.items()}
                response = case.call(HERE, headers=headers if known < 9 else None)
                tally.add(case.operation.label, response.status_code)
                case.validate_response(response, checks=chosen)

            try:
                ask()
            except Unsatisfiable:  # nothing can be wrong with it
                assert mode is GenerationMode.NEGATIVE
            except schemathesis.core.failures.FailureGroup as failed:
                wrong.append(f"{operation.label}: {failed}")
    print(dict(tally.statuses))
    assert set(tally.asked) == {operation.label for operation in asked}, "something was not tried"
    assert {200, 201, 404, 422} <= set(tally.statuses), "what was tried is all of one kind"
    assert 503 not in tally.statuses, "the database was lost on the way: nothing was tried after that"
    assert wrong == [], "\n".join(wrong)
