"""Images of messages that are artifacts: named in the log, sent as bytes, and only those of the session."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from pytest_django.fixtures import Settings

from bus.bus import bus
from bus.exceptions import Invalid, NotFound, Refused
from bus.messages import Actor, Context
from sessions_app import commands
from sessions_app.artifacts import blobs, store
from sessions_app.llm import asking
from sessions_app.llm.base import TextDelta, Turn
from sessions_app.models import Artifact, Message, Run
from sessions_app.values import ImagePart, Role, SessionConfig, TextPart
from tests import odd_provider
from tests.odd_provider import DONE, OddProvider
from tests.pictures import IMAGES, PNG, SVG, png
from tests.runs import ask, do
from tests.sessions_app.providers import dialects
from tests.sessions_app.providers.asking import Asking
from tests.sessions_app.providers.dialects import Answer
from tests.sessions_app.providers.stand_ins import streams
from tests.story import Story, assert_replay_rebuilds_the_same_rows

DIALECTS = [dialects.OpenAI(), dialects.Anthropic(), dialects.PydanticAI()]


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(content).decode()}"


def picture(story: Story, content: bytes = PNG, kind: str = "image/png", name: str = "a.png") -> Artifact:
    return store.store(story.actor, story.id, name, content, content_type=kind)


def showing(*artifacts: Artifact, text: str = "look") -> list[Any]:
    """Content with these images."""
    return [TextPart(text=text), *(ImagePart(url=f"artifact:{artifact.id}", detail="low") for artifact in artifacts)]


def told(user: User) -> Story:
    """A session whose model says what it is told, and keeps what it is asked."""
    actor = Actor("user", str(user.pk))
    config = SessionConfig(provider="odd", model="odd")
    return Story(bus.execute(commands.CreateSession(config=config), Context(actor=actor)).data["id"], actor)


@pytest.fixture(autouse=True)
def odd(settings: Settings) -> Iterator[type[OddProvider]]:
    """The provider, listening."""
    settings.LLM_PROVIDERS = {**settings.LLM_PROVIDERS, "odd": odd_provider.PATH}
    OddProvider.asked.clear()
    OddProvider.answers[:] = [[TextDelta("I see."), DONE]]
    yield OddProvider
    OddProvider.asked.clear()


def sent() -> list[Any]:
    """The parts of the last request's last user turn."""
    turns: tuple[Turn, ...] = OddProvider.asked[-1].turns
    return [turn for turn in turns if turn.role is Role.USER][-1].content


@pytest.mark.django_db(transaction=True)
def test_an_image_goes_as_bytes_to_the_model_and_nowhere_else(alice: User) -> None:
    story = told(alice)
    artifact = picture(story)
    run = do(ask(story, showing(artifact)))  # type: ignore[arg-type]
    assert run.state == Run.State.COMPLETED
    assert sent() == [TextPart(text="look"), ImagePart(url=data_url(PNG), detail="low")]
    log = json.dumps([event.fields() for event in story.events()])
    assert f"artifact:{artifact.id}" in log
    assert "base64" not in log
    assert "base64" not in json.dumps(list(Message.objects.values_list("content", flat=True)))
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_every_provider_sends_it_in_its_own_words(alice: User, dialect: dialects.Dialect) -> None:
    story = told(alice)
    shown = [picture(story, content, kind, kind[6:]) for kind, content in IMAGES.items()]
    do(ask(story, showing(*shown)))  # type: ignore[arg-type]
    asking_it = Asking()
    asking_it.dialect = dialect
    request = asking_it.request(turns=OddProvider.asked[-1].turns)
    _, server = asking_it.ask(streams([dialect.stream(Answer())]), request)
    body = server.visits[0].body.decode()
    for kind, content in IMAGES.items():
        encoded = b64encode(content).decode()
        if isinstance(dialect, dialects.Anthropic):
            source = {"type": "base64", "media_type": kind, "data": encoded}
            assert json.dumps(source, separators=(",", ":")) in body.replace(": ", ":").replace(", ", ",")
        else:
            assert f"data:{kind};base64,{encoded}" in body


@pytest.mark.django_db(transaction=True)
def test_planning_counts_and_shows_the_name_not_the_bytes(alice: User) -> None:
    story = told(alice)
    small, large = picture(story), picture(story, png(b"x" * 500_000))
    counts = []
    for artifact in (small, large):
        story.tell(commands.AddMessage, content=showing(artifact))
        from sessions_app import queries

        prepared = asking.prepare(asking.of_session(queries.session_of(story.actor, story.id), story.id))
        counts.append(prepared.plan.tokens)
        assert "base64" not in str(prepared.request)
    assert counts[1] == 2 * counts[0]


@pytest.mark.django_db(transaction=True)
def test_an_image_that_is_gone_or_too_much_leaves_a_note(alice: User) -> None:
    story = told(alice)
    old, new, gone = (picture(story, png(note)) for note in (b"1", b"2", b"3"))
    story.tell(commands.AddMessage, content=showing(old, gone, text="first"))
    story.tell(commands.DeleteArtifact, artifact_id=gone.id)
    with override_settings(ARTIFACT_INLINE_BYTES=new.size + old.size - 1):
        do(ask(story, showing(new)))  # type: ignore[arg-type]
    assert sent()[1].url == data_url(png(b"2"))
    earlier = next(turn for turn in OddProvider.asked[-1].turns if turn.role is Role.USER).content
    assert [type(part) for part in earlier] == [TextPart] * 3
    assert "not sent any more" in earlier[1].text  # type: ignore[union-attr]


@pytest.mark.django_db(transaction=True)
def test_bytes_that_cannot_be_read_now_are_tried_again(alice: User, tmp_path: Path, settings: Settings) -> None:
    settings.STORAGES = settings.STORAGES | {
        "artifacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    story = told(alice)
    artifact = picture(story)
    key = next(path for path in tmp_path.rglob("*") if path.is_file())
    key.rename(tmp_path / "elsewhere")
    run = do(ask(story, showing(artifact)))  # type: ignore[arg-type]
    assert run.state == Run.State.QUEUED
    assert run.failures[0]["code"] == "unavailable"
    assert OddProvider.asked == []
    (tmp_path / "elsewhere").rename(key)
    assert store.read(story.actor, artifact.id) == PNG
    assert blobs.hold(artifact.sha256)


WAYS = ["message", "change of a message", "run", "answered message", "change of a run"]
BEGINNINGS = ["conversation", "fork", "edit"]


def say(story: Story, way: str, content: Any) -> None:
    """Bring the content into the session."""
    if way == "message":
        story.tell(commands.AddMessage, content=content)
    elif way == "answered message":
        story.tell(commands.AddMessage, content=content, answer=True)
    elif way == "change of a message":
        message = story.tell(commands.AddMessage, content="x").data["id"]
        story.tell(commands.UpdateMessage, message_id=message, content=content)
    elif way == "conversation":
        story.tell(commands.StartConversation, name="x", input=content)
    elif way in BEGINNINGS:
        begin_again(story, way, content)
    elif way == "run":
        story.tell(commands.RequestRun, input=content)
    else:
        ask(story)
        waiting = story.tell(commands.RequestRun, input="x").data["id"]
        story.tell(commands.ChangeQueuedRun, run_id=waiting, input=content)


def begin_again(story: Story, way: str, content: Any) -> None:
    message = story.tell(commands.AddMessage, content="x").data["id"]
    if way == "fork":
        story.tell(commands.ForkConversation, message_id=message, input=content)
    else:
        story.tell(commands.EditMessage, message_id=message, content=content, answer=False)


@pytest.mark.parametrize("way", [*WAYS, *BEGINNINGS])
def test_an_image_of_another_session_is_not_found_like_none_at_all(alice: User, bob: User, way: str) -> None:
    theirs, other, mine = picture(told(bob)), picture(told(alice)), told(alice)
    deleted = picture(mine)
    mine.tell(commands.DeleteArtifact, artifact_id=deleted.id)
    nothing = Artifact(id=UUID("0198f2c4-aaaa-7000-8000-00000000000a"))
    for artifact in (theirs, other, deleted, nothing):
        with pytest.raises(NotFound) as refused:
            say(mine, way, showing(artifact))
        assert refused.value.detail == f"Artifact not found with ID: {artifact.id}"
    say(mine, way, showing(picture(mine)))


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_such_image_or_name_is_refused(alice: User, way: str) -> None:
    story = told(alice)
    for artifact in (
        picture(story, SVG, "image/svg+xml"),
        picture(story, b"text", "text/plain"),
        picture(story, PNG, "application/octet-stream"),
        picture(story, png(b"x" * 5_300_000)),
    ):
        with pytest.raises(Invalid):
            say(story, way, showing(artifact))
    sound = picture(story).id
    for url in (
        "artifact:",
        "artifact:x",
        f"artifact://{sound}",
        f"ARTIFACT:{sound}",
        f"artifact:{{{sound}}}",
        f"artifact:{sound}/",
    ):
        with pytest.raises(Refused):
            say(story, way, [ImagePart(url=url)])
