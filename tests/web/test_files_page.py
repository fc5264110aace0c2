"""The page of a session's files, and the ways out on each of its pages."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from sessions_app import commands
from sessions_app.models import Session
from sessions_app.pages.files import FILES
from tests.story import Story
from tests.web.browser import shown


def kept(story: Story, name: str, data: Any = "x", **fields: Any) -> str:
    """A file of that name; its id."""
    return str(story.tell(commands.StoreArtifact, name=name, data=data, **fields).data["id"])


def files_of(story: Story, query: str = "") -> str:
    return f"/sessions/{story.id}/files/{query}"


def names(page: str) -> list[str]:
    return re.findall(r'<span class="name">([^<]*)</span>', page)


def test_the_newest_version_of_each_name_is_listed_with_how_many_there_are(alice_client: Client, story: Story) -> None:
    kept(story, "plan.json", {"steps": 1})
    kept(story, "<b>.txt", "words", content_type="text/plain")
    newest = kept(story, "plan.json", {"steps": 2})
    page = shown(alice_client, files_of(story))
    assert names(page) == ["plan.json", "&lt;b&gt;.txt"]
    assert 'href="?name=plan.json">2 versions</a>' in page
    assert f'data-content="/api/v1/artifacts/{newest}/content/" data-kind="json"' in page
    assert f'data-session="{story.id}" data-version="{story.events()[-1].version}"' in page
    versions = shown(alice_client, files_of(story, "?name=plan.json"))
    assert re.findall(r"version (\d)\W", versions.split("data-part")[1].split("aria-label")[0]) == ["2"]
    assert names(versions) == ["plan.json", "plan.json"]
    assert "3 versions in this session, 27" in page


def test_when_the_newest_version_is_deleted_the_one_before_it_is_shown(alice_client: Client, story: Story) -> None:
    first = kept(story, "plan.json", 1)
    second = kept(story, "plan.json", 2)
    story.tell(commands.DeleteArtifact, artifact_id=second)
    page = shown(alice_client, files_of(story))
    assert f'data-file-id="{first}"' in page
    assert second not in page
    story.tell(commands.DeleteArtifact, artifact_id=first)
    assert "No files yet." in shown(alice_client, files_of(story))


def test_the_list_of_files_turns_pages_and_asks_the_same_each_time(
    alice_client: Client, story: Story, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(FILES + 2):
        kept(story, f"f{number:02}")
        kept(story, f"f{number:02}") if number < 2 else None
    with django_assert_num_queries(5):  # login session, user, session, files, how much there is
        first = shown(alice_client, files_of(story))
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    second = shown(alice_client, files_of(story, older[1].replace("&amp;", "&")))
    assert [*names(first), *names(second)] == [f"f{number:02}" for number in reversed(range(FILES + 2))]
    assert 'rel="next"' not in second


@pytest.mark.parametrize("query", ["before=nonsense", "before=" + "9" * 40, "before=-1", "name=%00", "name=%ff%22%3C"])
def test_odd_addresses_of_files_do_no_harm(alice_client: Client, story: Story, query: str) -> None:
    kept(story, "plan.json")
    page = shown(alice_client, files_of(story, f"?{query}"))
    assert names(page) or "Versions of \ufffd&quot;&lt;" in page


def test_files_are_seen_by_whom_the_session_is_shared_with_and_nobody_else(
    alice_client: Client, bob_client: Client, story: Story
) -> None:
    kept(story, "plan.json")
    shown(bob_client, files_of(story), 404)
    story.tell(commands.ShareSession, username="bob", role="viewer")
    page = shown(bob_client, files_of(story))
    assert "plan.json" in page
    assert "data-remove" not in page
    assert "data-drop" not in page


def test_each_page_of_a_session_offers_it_as_a_file(alice_client: Client, story: Story) -> None:
    for path in (f"/sessions/{story.id}/", files_of(story), f"/sessions/{story.id}/graphs/"):
        offered = re.findall(r'href="(/api/v1/sessions/[^"]+/export/\?format=\w+)" download', shown(alice_client, path))
        assert len(offered) == 3
    assert all(alice_client.get(address).status_code == 200 for address in offered)


def test_the_page_of_data_says_how_much_there_is_and_where_to_ask(alice_client: Client, story: Story) -> None:
    page = shown(alice_client, "/data/")
    assert "Your session with its files" in page
    assert 'data-exports-url="/api/v1/exports/"' in page
    assert 'data-import-url="/api/v1/sessions/import/"' in page
    Session.objects.all().delete()
    assert "There is no session yet." in shown(alice_client, "/data/")
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=", page)
