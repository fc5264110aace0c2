"""Ways to keep artifacts and to look at what lies where, for their tests."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.artifacts import blobs, store
from sessions_app.models import Artifact, Blob
from tests.story import Story


def kept(story: Story, data: Any = b"bytes", name: str = "a", **more: Any) -> Artifact:
    """Another version."""
    return store.store(story.actor, story.id, name, data, **more)


def of(user: User) -> Story:
    """A session of theirs."""
    actor = Actor("user", str(user.pk))
    return Story(bus.execute(commands.CreateSession(), Context(actor=actor)).data["id"], actor)


def grow_old() -> None:
    """As if the grace were over."""
    Blob.objects.update(used_at=Now() - timedelta(days=1))


def files() -> list[Path]:
    """Every file that lies in the storage."""
    return [path for path in Path(blobs.storage().path("")).rglob("*") if path.is_file()]


def keep_files_in(folder: Path, settings: Settings) -> None:
    """Let the storage be there."""
    artifacts = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}
    settings.STORAGES = settings.STORAGES | {"artifacts": artifacts}
