"""Semantic memory: what was said is found again, by its owner only, by words and by meaning."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from bus import sql
from bus.bus import bus
from bus.messages import SYSTEM, Actor, Context
from sessions_app import commands
from sessions_app.models import Memory
from sessions_app.plugins import embedder, memory
from sessions_app.plugins.memory import Recall
from sessions_app.values import ImagePart, Role
from tests.bus.support import execute
from tests.runs import ask, do, texts, told
from tests.sessions_app.plugins.support import delivered, switch
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def recall(who: User | Actor, query: str, **fields: Any) -> list[dict[str, Any]]:
    """What somebody finds."""
    actor = who if isinstance(who, Actor) else Actor("user", str(who.pk))
    found: list[dict[str, Any]] = bus.execute(Recall(query=query, **fields), Context(actor=actor)).data
    return found


def say(story: Story, *said: str, **fields: Any) -> list[str]:
    """Messages' ids, once they are remembered."""
    ids = [str(story.tell(commands.AddMessage, content=text, **fields).data["id"]) for text in said]
    delivered("memory")
    return ids


def test_what_was_said_is_found_with_session_message_snippet_and_score(alice: User, story: Story) -> None:
    first, second = say(story, "The harbour master's telephone number is 4711.", "The weather is fine.")
    found = recall(alice, "what was the number of the harbour master?")
    assert [one["message_id"] for one in found] == [first, second]
    best = found[0]
    assert (best["session_id"], best["role"], "4711" in best["snippet"]) == (str(story.id), "user", True)
    assert 1 >= best["score"] > found[1]["score"] > 0
    assert len(recall(alice, "the", limit=1)) == 1
    assert recall(alice, "zebra") == []
    assert_replay_rebuilds_the_same_rows()


def test_answers_are_remembered_and_what_tools_and_systems_say_is_not(alice: User) -> None:
    story = told(alice, tools=["clock"], tool={"name": "clock"}, text="Fishes swim.")
    do(ask(story, "what do fishes do?"))
    say(story, "fishes fly", role=Role.SYSTEM)
    assert {one["role"] for one in recall(alice, "fishes")} == {"user", "assistant"}
    assert Memory.objects.count() == 2


def test_nobody_finds_what_others_said(alice: User, bob: User, charlie: User, story: Story) -> None:
    say(story, "a secret")
    assert recall(alice, "secret")
    for other in (bob, Actor("staff", str(charlie.pk)), SYSTEM, Actor("plugin", str(alice.pk)), Actor("nobody")):
        assert recall(other, "secret") == []


@pytest.mark.parametrize("on", [True, False])
def test_the_memories_of_a_session_go_with_it(alice: User, story: Story, on: bool) -> None:
    say(story, "a secret")
    switch("memory", on=on)
    story.tell(commands.DeleteSession)
    assert not Memory.objects.exists()


def test_a_message_of_a_session_that_is_gone_is_not_remembered(story: Story) -> None:
    story.tell(commands.AddMessage, content="a secret")
    story.tell(commands.DeleteSession)
    delivered("memory")
    assert not Memory.objects.exists()


def test_an_edited_message_is_known_by_its_new_words_and_told_twice_it_is_there_once(alice: User, story: Story) -> None:
    (message,) = say(story, "an apple")
    story.tell(commands.UpdateMessage, message_id=message, content="a pear")
    delivered("memory")
    execute("UPDATE bus_subscribercursor SET position = 0")
    delivered("memory")
    assert recall(alice, "apple") == []
    assert [one["message_id"] for one in recall(alice, "pear")] == [message]


@pytest.mark.parametrize("query", ["'", "\\", "a:* & !", "-" * 400, "☃", "' || '", "((("])
def test_no_query_is_too_odd(alice: User, story: Story, query: str) -> None:
    say(story, "it's a \\ ☃")
    assert isinstance(recall(alice, query), list)


def test_a_model_recalls_what_was_said_in_other_sessions_of_its_user(alice: User, bob: User) -> None:
    say(told(alice), "My dog is called Rex.")
    say(told(bob), "My dog is called Bello.")
    story = told(alice, tools=["recall"], tool={"name": "recall", "args": {"query": "dog called"}})
    say(story, "a dog called nothing")
    do(ask(story, "what is my dog called?"))
    answer = texts(story)[-1][1]
    assert "Rex" in answer
    assert "Bello" not in answer
    assert "nothing" not in answer, "this session is searched by session_search"


# -- by meaning --------------------------------------------------------------------------------------------------------


class Server(BaseHTTPRequestHandler):
    """Embeds by theme: animals, or anything else. Says 503 while it is `down`, and `says` where it is given a text it
    does not take: an empty one, a long one, or one with a word it `refuses`."""

    asked: list[dict[str, Any]] = []
    keys: list[str] = []
    down = False
    refuses = "☠"
    says = 400

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append(body)
        type(self).keys.append(self.headers["authorization"])
        data = [
            {"index": index, "object": "embedding", "embedding": [1.0, 0.1] if _animal(text) else [0.1, 1.0]}
            for index, text in enumerate(body["input"])
        ]
        odd = any(not text or len(text.encode()) > 8_000 or self.refuses in text for text in body["input"])
        data = data[1:] if odd else data
        answer = json.dumps({"object": "list", "data": data, "model": body["model"]}).encode()
        self.send_response(503 if self.down else self.says if odd else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


def _animal(text: str) -> bool:
    return any(word in text.lower() for word in ("dog", "puppy", "cat"))


@pytest.fixture
def server(settings: Settings) -> Iterator[type[Server]]:
    """An embedder that this server may ask."""
    Server.asked, Server.keys, Server.down, Server.refuses, Server.says = [], [], False, "☠", 400
    http = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    settings.EMBEDDER_URL = f"http://127.0.0.1:{http.server_port}/v1"
    settings.EMBEDDER_KEY = "embedder-key"
    settings.LLM_ALLOWED_HOSTS = [f"127.0.0.1:{http.server_port}"]
    embedder.forget()
    yield Server
    http.shutdown()
    thread.join()
    http.server_close()
    embedder.forget()


def test_with_an_embedder_what_is_meant_is_found_whatever_it_was_called(
    alice: User, bob: User, story: Story, server: type[Server]
) -> None:
    assert memory.has_vectors(), "the embedded PostgreSQL has pgvector"
    dog, _ = say(story, "Rex is a dog.", "It rains.")
    found = recall(alice, "puppy")
    assert found[0]["message_id"] == dog
    assert found[0]["score"] > found[1]["score"]
    assert recall(bob, "puppy") == []
    assert server.asked[0] == {
        "model": "text-embedding-3-small",
        "input": ["Rex is a dog."],
        "encoding_format": "float",
    }
    assert set(server.keys) == {"Bearer embedder-key"}
    count = len(server.asked)
    recall(alice, "puppy")
    assert len(server.asked) == count, "a question is embedded once"


def test_an_edited_message_is_embedded_anew(alice: User, story: Story, server: type[Server]) -> None:
    (message,) = say(story, "It rains.")
    story.tell(commands.UpdateMessage, message_id=message, content="My cat.")
    delivered("memory")
    assert recall(alice, "puppy")[0]["score"] > 0.4


@pytest.mark.parametrize("why", ["down", "refused address"])
def test_without_its_embedder_the_memory_finds_words_and_fills_the_gap_later(
    alice: User, story: Story, server: type[Server], settings: Settings, why: str
) -> None:
    allowed, settings.LLM_ALLOWED_HOSTS = settings.LLM_ALLOWED_HOSTS, []
    if why == "down":
        server.down, settings.LLM_ALLOWED_HOSTS = True, allowed
    say(story, "Rex is a dog.")
    assert recall(alice, "puppy") == []
    assert len(recall(alice, "rex")) == 1
    server.down, settings.LLM_ALLOWED_HOSTS = False, allowed
    embedder.forget()
    say(story, "It rains.")
    assert "Rex" in recall(alice, "puppy")[0]["snippet"]


def bare() -> list[str]:
    """What has no vector."""
    return [text for (text,) in sql.fetch("SELECT text FROM sessions_app_memory WHERE embedding IS NULL", ())]


def test_a_message_that_loses_its_words_keeps_no_other_from_its_vector(
    alice: User, bob: User, story: Story, server: type[Server]
) -> None:
    (message,) = say(story, "It rains.")
    story.tell(commands.UpdateMessage, message_id=message, content=[ImagePart(url="https://x.test/y.png")])
    delivered("memory")
    say(told(bob), "Rex is a dog.")
    assert bare() == [""]
    assert all(all(body["input"]) for body in server.asked)


def test_a_text_the_embedder_refuses_is_asked_for_once_and_anew_when_edited(
    alice: User, bob: User, story: Story, server: type[Server]
) -> None:
    server.down = True
    odd, _ = say(story, "☠", "My cat.")
    server.down = False
    embedder.forget()
    say(told(bob), "It rains.", "It snows.")
    assert bare() == ["☠"]
    assert sum("☠" in body["input"] for body in server.asked[1:]) == 2, "with the others, and alone"
    assert recall(alice, "puppy"), "nobody waits because of it"
    story.tell(commands.UpdateMessage, message_id=odd, content="A dog.")
    delivered("memory")
    assert bare() == []


@pytest.mark.parametrize(("says", "asked"), [(401, 1), (429, 1), (400, 3), (200, 3)])
def test_an_embedder_that_refuses_everything_is_left_alone_and_no_text_is_blamed(
    story: Story, server: type[Server], says: int, asked: int
) -> None:
    server.refuses, server.says = "", says
    say(story, "Rex is a dog.", "It rains.")
    assert len(server.asked) == asked
    assert not embedder.ready()
    assert not Memory.objects.filter(refused=True).exists()


def test_a_text_of_any_alphabet_is_cut_to_what_an_embedder_takes(story: Story, server: type[Server]) -> None:
    say(story, "☃" * 9_000)
    assert bare() == []


def test_a_database_without_pgvector_has_words_alone(
    alice: User, story: Story, server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_vectors", False)
    (message,) = say(story, "Rex is a dog.")
    story.tell(commands.UpdateMessage, message_id=message, content="Rex was a dog.")
    delivered("memory")
    assert len(recall(alice, "rex")) == 1
    assert server.asked == []
