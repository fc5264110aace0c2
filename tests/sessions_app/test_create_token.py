"""`manage.py create_token`."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from sessions_app.accounts.principals import principal_of

pytestmark = pytest.mark.django_db(transaction=True)


def made(*arguments: str) -> str:
    said = StringIO()
    call_command("create_token", *arguments, stdout=said)
    return said.getvalue().strip()


def test_it_prints_a_token_that_lets_its_user_in(alice: Any) -> None:
    principal = principal_of(made("a script", "--user", alice.username, "--scopes", "sessions:read", "--days", "1"))
    assert principal is not None
    assert (principal.actor.id, principal.scopes) == (str(alice.pk), frozenset({"sessions:read"}))
    assert principal.expires_at is not None
    everything = principal_of(made("another", "--user", alice.username))
    assert everything is not None
    assert (everything.scopes, everything.expires_at) == (None, None)


@pytest.mark.parametrize(
    "arguments", [("x", "--user", "nobody"), ("x", "--user", "alice", "--scopes", "all"), ("", "--user", "alice")]
)
def test_it_says_what_is_wrong(alice: Any, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"nobody|scope|name|one of|length"):
        made(*arguments)
