"""Artifacts told by commands and kept as bytes: versions, quotas, one copy of what is the same, and what is freed."""

import json
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import override_settings

from bus.bus import bus
from bus.exceptions import AlreadyExists, Forbidden, Invalid, NotFound, TooLarge
from bus.messages import SYSTEM, Actor, Context
from sessions_app import commands
from sessions_app.artifacts import blobs, store
from sessions_app.artifacts.quota import QuotaExhausted
from sessions_app.models import Artifact
from tests.pictures import PNG
from tests.sessions_app.keeping import kept, of
from tests.story import Story, assert_replay_rebuilds_the_same_rows

# -- what is kept ------------------------------------------------------------------------------------------------------


def test_bytes_json_and_text_are_kept_and_read_again(story: Story) -> None:
    assert store.read(story.actor, kept(story, PNG, content_type="image/png").id) == PNG
    assert json.loads(store.read(story.actor, kept(story, {"☃": [1, None]}).id)) == {"☃": [1, None]}
    assert store.read(story.actor, kept(story, "# Plan ☃", content_type="text/markdown").id) == "# Plan ☃".encode()
    assert store.read(story.actor, kept(story, "a text").id) == b'"a text"'
    assert store.read(story.actor, kept(story, b"").id) == b""
    assert_replay_rebuilds_the_same_rows()


def test_versions_are_counted_by_name_and_never_given_twice(story: Story) -> None:
    first, second, other = kept(story, b"1"), kept(story, b"2"), kept(story, b"3", name="b")
    assert (first.version, second.version, other.version) == (1, 2, 1)
    story.tell(commands.DeleteArtifact, artifact_id=second.id)
    assert kept(story, b"4").version == 3
    assert [row.version for row in store.of_session(story.actor, story.id, "a")] == [3, 1]
    assert story.types(after=1)[-2:] == ["artifact-deleted", "artifact-stored"]
    assert_replay_rebuilds_the_same_rows()


def test_versions_are_found_by_the_name_as_it_was_given(story: Story) -> None:
    name = unicodedata.normalize("NFD", "Übersicht.txt")
    artifact = kept(story, name=name)
    assert artifact.name != name
    for spelling in (name, artifact.name):
        assert store.of_session(story.actor, story.id, spelling) == [artifact]


def test_the_log_holds_no_bytes(story: Story) -> None:
    kept(story, {"secret": "canary-7f3a"}, metadata={"from": "test"})
    event = story.events()[-1].fields()
    assert "canary" not in json.dumps(event)
    assert event["metadata"] == {"from": "test"}
    assert len(event["sha256"]) == 64


def test_a_deleted_artifact_is_gone_and_can_be_deleted_once(story: Story) -> None:
    artifact = kept(story)
    story.tell(commands.DeleteArtifact, artifact_id=artifact.id)
    for look in (
        lambda: store.read(story.actor, artifact.id),
        lambda: story.tell(commands.DeleteArtifact, artifact_id=artifact.id),
    ):
        with pytest.raises(NotFound):
            look()
    assert store.of_session(story.actor, story.id) == []


def test_an_id_is_taken_once(story: Story, bob: User) -> None:
    artifact = kept(story)
    with pytest.raises(AlreadyExists):
        of(bob).tell(commands.StoreArtifact, name="x", data=1, artifact_id=artifact.id)


def test_a_repeated_key_stores_once(story: Story) -> None:
    key = {"idempotency_key": "k"}
    first, second = (story.tell(commands.StoreArtifact, context=key, name="x", data=1) for _ in range(2))
    assert str(first.data["id"]) == second.data["id"]
    assert Artifact.objects.count() == 1


def test_nobody_but_the_server_says_what_was_stored(story: Story) -> None:
    """A hash that is enough to be given the bytes would be as good as the bytes."""
    theirs = kept(story)
    command = {
        "session_id": str(story.id),
        "name": "x",
        "content_type": "text/plain",
        "sha256": theirs.sha256,
        "size": 5,
    }
    with pytest.raises(Invalid):
        bus.registry.command("store-artifact", command)
    with pytest.raises(Exception, match="no command"):
        bus.registry.public_command("record-artifact", command)


def test_what_is_recorded_but_not_there_is_not_recorded(story: Story) -> None:
    with pytest.raises(blobs.BlobGone):
        story.tell(commands.RecordArtifact, name="x", content_type="text/plain", sha256="0" * 64, size=1)
    assert Artifact.objects.count() == 0


def test_only_the_owner_stores_reads_and_lists(story: Story, bob: User) -> None:
    artifact, stranger = kept(story), Actor("user", str(bob.pk))
    for look in (
        lambda: store.read(stranger, artifact.id),
        lambda: store.of_session(stranger, story.id),
        lambda: store.store(stranger, story.id, "x", b"x"),
        lambda: store.store(stranger, story.id, "x", 1),
        lambda: bus.execute(
            commands.RecordArtifact(session_id=story.id, name="x", content_type="a/b", sha256=artifact.sha256, size=5),
            Context(actor=stranger),
        ),
    ):
        with pytest.raises(NotFound):
            look()
    with pytest.raises(Forbidden):  # other commands that are not public stay what they are
        story.tell(commands.ChangePluginState, plugin="x")
    assert store.read(SYSTEM, artifact.id) == b"bytes"


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", "application/pdf"])
def test_what_is_no_text_is_not_given_as_one(story: Story, content_type: str) -> None:
    with pytest.raises(Invalid):
        story.tell(commands.StoreArtifact, name="x", data="text", content_type=content_type)
    with pytest.raises(Invalid):
        story.tell(commands.StoreArtifact, name="x", data={"a": 1}, content_type="text/plain")


# -- how much ----------------------------------------------------------------------------------------------------------


def test_a_session_and_a_user_keep_so_much_and_no_more(story: Story, alice: User) -> None:
    other = of(alice)
    with override_settings(ARTIFACT_SESSION_BYTES=10, ARTIFACT_USER_BYTES=15, ARTIFACT_MAX_BYTES=12):
        with pytest.raises(TooLarge):
            kept(story, b"x" * 13)
        first = kept(story, b"x" * 10)
        for data in (b"x", 1):
            with pytest.raises(QuotaExhausted):
                kept(story, data)
        kept(other, b"x" * 5)
        with pytest.raises(QuotaExhausted):
            kept(other, b"x")
        story.tell(commands.DeleteArtifact, artifact_id=first.id)
        kept(other, b"x" * 5)


@pytest.mark.django_db(transaction=True)
def test_a_quota_is_exact_whoever_comes_at_once(story: Story, alice: User) -> None:
    stories = [story, of(alice), of(alice)]

    def attempt(number: int) -> bool:
        try:
            stories[number % 3].tell(commands.StoreArtifact, name=str(number % 2), data="12345678")
        except QuotaExhausted:
            return False
        finally:
            connections.close_all()
        return True

    with override_settings(ARTIFACT_USER_BYTES=50), ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(12))) == 5
    numbers = Artifact.objects.values_list("session_id", "name", "version")
    assert len(set(numbers)) == 5
    assert_replay_rebuilds_the_same_rows()
