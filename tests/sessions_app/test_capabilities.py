"""What a model cannot do is refused before a run begins; what is not known is allowed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from sessions_app.llm import catalog
from sessions_app.llm.capabilities import CapabilityMissing, check
from sessions_app.llm.context.plan import ContextOverflow
from sessions_app.models import ModelEntry


@pytest.fixture(autouse=True)
def _entries(db: None) -> Iterator[None]:
    """A model that can nothing, one that can everything."""
    for name, able in (("plain", False), ("able", True)):
        ModelEntry.objects.create(
            provider="p",
            model=name,
            valid_from=timezone.now(),
            images=able,
            tools=able,
            max_context_window=1000,
            max_output=100,
        )
    catalog.rows.forget()
    yield
    catalog.rows.forget()


def ask(model: str, **asked: Any) -> None:
    check("p", model, **{"images": False, "tools": False, "tokens": 10, "max_tokens": None, **asked})


@pytest.mark.parametrize("asked", [{"images": True}, {"tools": True}, {"max_tokens": 101}])
def test_what_the_model_cannot_do_is_refused_in_words(asked: dict[str, Any]) -> None:
    with pytest.raises(CapabilityMissing, match="The model p/plain ") as refused:
        ask("plain", **asked)
    assert (refused.value.code, refused.value.status) == ("capability-missing", 422)


@pytest.mark.parametrize("asked", [{"tokens": 1001}, {"tokens": 901, "max_tokens": 100}])
def test_what_does_not_fit_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ContextOverflow, match="a window of 1000 tokens") as refused:
        ask("able", **asked)
    assert (refused.value.code, refused.value.status) == ("context-overflow", 422)


def test_what_it_can_do_and_what_just_fits_is_allowed() -> None:
    ask("able", images=True, tools=True, tokens=900, max_tokens=100)
    ask("able", tokens=1000)
    ask("plain", tokens=None)


def test_what_is_not_known_is_allowed() -> None:
    ask("nobody-knows", images=True, tools=True, tokens=10**9, max_tokens=10**9)
