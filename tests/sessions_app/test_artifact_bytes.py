"""The bytes of artifacts: one copy of what is the same, freed when nobody refers to it, whoever comes at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections, transaction
from pytest_django.fixtures import Settings

from sessions_app import commands
from sessions_app.artifacts import blobs, collect, store
from sessions_app.models import Artifact, Blob
from tests.pictures import PNG
from tests.sessions_app.keeping import files, grow_old, keep_files_in, kept, of
from tests.story import Story, assert_replay_rebuilds_the_same_rows


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    """A storage of each test's own."""
    keep_files_in(tmp_path / "artifacts", settings)


# -- one copy ----------------------------------------------------------------------------------------------------------


def test_the_same_bytes_lie_once_whoever_stores_them(story: Story, bob: User) -> None:
    for mine in (story, of(bob), story):
        kept(mine, b'{"a":1}')
        kept(mine, {"a": 1})
    assert Blob.objects.count() == len(files()) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_coming_at_once_lie_once(story: Story) -> None:
    meet = threading.Barrier(6)

    def attempt(number: int) -> None:
        try:
            meet.wait(10)
            kept(story, b"the same" * 10_000, name=str(number))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(attempt, range(6)))
    assert Blob.objects.count() == len(files()) == 1
    assert Artifact.objects.count() == 6


def test_what_a_command_brought_is_taken_to_the_storage(story: Story) -> None:
    artifact = kept(story, {"a": 1})
    assert files() == []
    collect.prune()
    assert len(files()) == 1
    assert Blob.objects.get().data is None
    assert store.read(story.actor, artifact.id) == b'{"a":1}'


def test_a_try_to_take_it_there_that_died_is_made_good(story: Story) -> None:
    artifact = kept(story, {"a": 1})
    blobs.storage().save("aa/x/1", BytesIO(b"hal"))
    Blob.objects.create(key="aa/x/1", sha256=artifact.sha256, size=artifact.size)
    collect.settle()
    assert store.read(story.actor, artifact.id) == b'{"a":1}'
    grow_old()
    collect.prune()
    assert store.read(story.actor, artifact.id) == b'{"a":1}'
    assert len(files()) == Blob.objects.count() == 1


# -- what is freed -----------------------------------------------------------------------------------------------------


def test_what_nobody_refers_to_is_freed_after_the_grace(story: Story, bob: User) -> None:
    theirs = of(bob)
    kept(story, b"only mine")
    kept(story, b"of both")
    artifact = kept(theirs, b"of both")
    story.tell(commands.DeleteSession)
    collect.prune()
    assert len(files()) == 2
    grow_old()
    collect.prune()
    assert len(files()) == Blob.objects.count() == 1
    assert store.read(theirs.actor, artifact.id) == b"of both"
    theirs.tell(commands.DeleteArtifact, artifact_id=artifact.id)
    grow_old()
    call_command("collect_artifacts")
    assert files() == []
    assert not Blob.objects.exists()


def test_the_grace_begins_when_the_last_reference_goes(story: Story, bob: User) -> None:
    artifact, theirs = kept(story, b"mine"), of(bob)
    kept(theirs, b"theirs")
    kept(theirs, {"a": 1})
    grow_old()
    story.tell(commands.DeleteArtifact, artifact_id=artifact.id)
    theirs.tell(commands.DeleteSession)
    assert collect.free() == 0
    grow_old()
    assert collect.free() == 3


def test_an_upload_that_died_is_cleaned_up(story: Story) -> None:
    """After the row and before the file; after the file and before the row says so."""
    for key, data in (("aa/x/1", None), ("aa/x/2", b"half")):
        Blob.objects.create(key=key, sha256="a" * 64, size=4)
        if data:
            blobs.storage().save(key, BytesIO(data))
    collect.prune()
    assert Blob.objects.count() == 2
    grow_old()
    collect.prune()
    assert not Blob.objects.exists()
    assert files() == []


def test_the_command_can_only_look(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.tell(commands.DeleteArtifact, artifact_id=kept(story).id)
    grow_old()
    call_command("collect_artifacts", "--dry-run")
    assert capsys.readouterr().out == "1 unused\n"
    assert len(files()) == 1


@pytest.mark.django_db(transaction=True)
def test_bytes_that_are_being_referred_to_are_not_collected(story: Story) -> None:
    """The collector comes between the command's look at the bytes and its commit."""
    known = blobs.digest(b"old bytes")
    blobs.put(BytesIO(b"old bytes"), known)
    grow_old()

    def collected() -> int:
        try:
            return collect.free()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        story.tell(commands.RecordArtifact, name="x", content_type="text/plain", sha256=known.sha256, size=known.size)
        assert pool.submit(collected).result(10) == 0
    assert collect.free() == 0
    assert store.read(story.actor, Artifact.objects.get().id) == b"old bytes"


def until_kept(story: Story, data: object) -> Artifact:
    """As often as one is told to try again: here the grace is over before an upload is."""
    while True:
        with suppress(blobs.BlobGone):
            return kept(story, data)


@pytest.mark.django_db(transaction=True)
def test_storing_and_collecting_the_same_bytes_at_once_loses_none(story: Story) -> None:
    done = threading.Event()

    def repeated(function: Callable[[], object]) -> None:
        try:
            while not done.is_set():
                function()
        finally:
            connections.close_all()

    def old_and_freed() -> None:
        grow_old()
        collect.prune()

    with ThreadPoolExecutor(1) as pool:
        collectors = [pool.submit(repeated, old_and_freed)]
        try:
            for number in range(15):
                artifact = until_kept(story, b"again and again" if number % 2 else "again and again")
                assert b"again and again" in store.read(story.actor, artifact.id)
                story.tell(commands.DeleteArtifact, artifact_id=artifact.id)
        finally:
            done.set()
        for collector in collectors:
            collector.result(10)
    grow_old()
    collect.prune()
    assert files() == []
    assert_replay_rebuilds_the_same_rows()


def test_a_replay_leaves_the_bytes_alone(story: Story) -> None:
    artifact = kept(story, PNG, content_type="image/png")
    grow_old()
    assert_replay_rebuilds_the_same_rows()
    collect.prune()
    assert store.read(story.actor, artifact.id) == PNG


def test_bytes_that_the_storage_has_lost_are_said_to_be_unavailable(story: Story) -> None:
    artifact = kept(story)
    for path in files():
        path.unlink()
    with pytest.raises(blobs.BlobGone):
        store.read(story.actor, artifact.id)
