"""Bytes on their way to the storage: nobody waits where it hangs, and what comes too late is thrown away."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.db import connections
from pytest_django.fixtures import Settings

from sessions_app.artifacts import blobs, collect, store
from sessions_app.models import Blob
from tests.sessions_app.keeping import files, grow_old, keep_files_in, kept, of
from tests.story import Story

T = TypeVar("T")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    """A storage of each test's own."""
    keep_files_in(tmp_path / "artifacts", settings)


class Gated(FileSystemStorage):
    """Writes nothing until it is let."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.asked, self.go = threading.Event(), threading.Event()

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        self.asked.set()
        assert self.go.wait(10)
        return super().save(name, content, max_length)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    storage, usual = Gated(str(tmp_path / "artifacts")), list(blobs._instead)
    blobs.use(storage)
    yield storage
    blobs._instead[:] = usual


def old_and_freed() -> None:
    grow_old()
    collect.free()


def closed(function: Callable[[], T]) -> T:
    """What it gives in a thread, without leaving a connection."""
    try:
        return function()
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_hangs_keeps_nobody_waiting(story: Story, bob: User, gated: Gated) -> None:
    artifact, theirs = kept(story, {}), of(bob)
    with ThreadPoolExecutor(2) as pool:
        settling = pool.submit(closed, collect.settle)
        try:
            assert gated.asked.wait(10)
            assert pool.submit(closed, lambda: kept(theirs, {})).result(5).sha256 == artifact.sha256
        finally:
            gated.go.set()
        settling.result(10)
    assert store.read(story.actor, artifact.id) == b"{}"
    assert len(files()) == Blob.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("meanwhile", [collect.settle, old_and_freed])
def test_what_was_brought_too_late_is_thrown_away(story: Story, gated: Gated, meanwhile: Callable[[], object]) -> None:
    """Somebody else was quicker; or it took longer than the grace, and counts as left over."""
    artifact = kept(story, {})
    with ThreadPoolExecutor(1) as pool:
        settling = pool.submit(closed, collect.settle)
        assert gated.asked.wait(10)
        blobs.use(FileSystemStorage(gated.location))
        meanwhile()
        gated.go.set()
        settling.result(10)
    collect.prune()
    assert store.read(story.actor, artifact.id) == b"{}"
    assert len(files()) == Blob.objects.count() == 1


class Collected(FileSystemStorage):
    """The grace is over when the file is written, and the collector is at it before the row says that it is there."""

    def __init__(self, location: str, pool: ThreadPoolExecutor) -> None:
        super().__init__(location)
        self.pool, self.deleting, self.go = pool, threading.Event(), threading.Event()

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        saved = super().save(name, content, max_length)
        grow_old()
        self.collecting = self.pool.submit(closed, collect.free)
        assert self.deleting.wait(10)
        return saved

    def delete(self, name: str) -> None:
        if not self.deleting.is_set():
            self.deleting.set()
            assert self.go.wait(10)
        super().delete(name)


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_being_removed_is_not_taken_for_stored(gated: Gated) -> None:
    with ThreadPoolExecutor(1) as pool:
        storage = Collected(str(gated.location), pool)
        blobs.use(storage)
        try:
            with pytest.raises(blobs.BlobGone):
                blobs.put(BytesIO(b"late"), blobs.digest(b"late"))
        finally:
            storage.go.set()
        assert storage.collecting.result(10) == 1
    assert files() == []
    assert not Blob.objects.exists()


def test_all_that_waits_is_taken_there_as_long_as_there_is_time(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2 * collect.AT_ONCE + 1):
        kept(story, number)
    monkeypatch.setattr(collect, "BUDGET", 0.0)
    assert collect.prune(), "comes back soon"
    assert Blob.objects.filter(data__isnull=False).count() >= collect.AT_ONCE + 1
    monkeypatch.undo()
    assert not collect.prune()
    assert not Blob.objects.filter(data__isnull=False).exists()
