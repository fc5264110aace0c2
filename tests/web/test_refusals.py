"""Pages that say no: in the house look, what happened, and what to do."""

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.test import Client

from tests.web.browser import said, shown


def test_a_form_without_its_mark_is_told_to_load_the_page_anew(alice: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    answer = careful.post("/sessions/", {"title": "forged"})
    assert answer.status_code == 403
    assert "load the page anew" in said(answer)


def test_a_failure_names_the_number_an_operator_finds_it_by() -> None:
    request = HttpRequest()
    request.request_id = "0198-find-me"  # type: ignore[attr-defined]
    assert "0198-find-me" in render_to_string("500.html", {"request": request})


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_every_refusal_leads_back(name: str) -> None:
    page = render_to_string(f"{name}.html", {"seconds": 2})
    assert 'href="/sessions/"' in page
    assert "<h1>" in page


def test_a_refusal_is_the_same_for_everybody(alice_client: Client, client: Client) -> None:
    assert shown(alice_client, "/no/such/page", 404) == shown(client, "/no/such/page", 404)
