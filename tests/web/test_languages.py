"""Pages speak the reader's language, programs are answered in English."""

from django.test import Client

from tests.web.browser import shown


def test_a_page_is_in_the_language_that_the_browser_asks_for(alice_client: Client) -> None:
    response = alice_client.get("/sessions/", headers={"Accept-Language": "de"})
    assert response["Content-Language"] == "de"
    assert '<html lang="de" dir="ltr"' in response.content.decode()
    assert "Abmelden" in response.content.decode()


def test_a_chosen_language_goes_before_the_browsers(alice_client: Client) -> None:
    alice_client.post("/language/", {"language": "fr", "next": "/sessions/"})
    assert '<html lang="fr"' in shown(alice_client, "/sessions/")


def test_programs_are_answered_in_english(alice_client: Client) -> None:
    response = alice_client.get("/api/v1/sessions/?limit=none", headers={"Accept-Language": "de"})
    assert "Content-Language" not in response
    assert response.json()["detail"] == "'limit' must be between 1 and 100, not 'none'."


def test_scripts_find_their_words(alice_client: Client) -> None:
    page = alice_client.get("/sessions/", headers={"Accept-Language": "de"}).content.decode()
    assert '<script src="/words.js?de"></script>' in page
    assert "/words.js" not in shown(alice_client, "/sessions/")
    assert b'"Connected": "Verbunden"' in alice_client.get("/words.js?de", headers={"Accept-Language": "de"}).content
