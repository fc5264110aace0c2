"""Relevance by full-text search, on the real database."""

from typing import Any
from uuid import UUID

import pytest

from bus.bus import bus
from bus.messages import Context
from sessions_app import commands
from sessions_app.llm.context import relevance_scores
from sessions_app.llm.context.relevance_scores import scores, search
from sessions_app.values import ImagePart
from tests.sessions_app.context.support import call, result
from tests.story import Story

NEWEST = 2**62


def added(story: Story, **fields: Any) -> UUID:
    """One message's id."""
    return UUID(str(story.tell(commands.AddMessage, **fields).data["id"]))


def said(story: Story, *texts: str, role: str = "user") -> list[UUID]:
    """Messages, added."""
    return [added(story, content=text, role=role) for text in texts]


def test_messages_that_share_telling_words_with_the_question_score(story: Story) -> None:
    cat, dog, _, _ = said(story, "my cat is called Mia", "my dog is called Rex", "my car is red", "what is my cat like")
    assert set(scores(story.id, NEWEST)) == {cat}
    question = said(story, "and is my dog Rex like my cat")[0]
    found = scores(story.id, NEWEST)
    assert found[dog] > found[cat] > 0
    assert question not in found
    assert all(0 < score < 1 for score in found.values())


def test_words_that_are_everywhere_tell_nothing(story: Story) -> None:
    said(story, "the one is here", "the other is there", "the third is away", "the is")
    assert scores(story.id, NEWEST) == {}


def test_the_question_is_the_last_user_message_up_to_a_version(story: Story) -> None:
    cat, dog = said(story, "a cat", "a dog")
    said(story, "cat")
    said(story, "dog", role="assistant")
    assert set(scores(story.id, NEWEST)) == {cat}
    said(story, "dog?")
    assert dog in scores(story.id, NEWEST)
    assert set(scores(story.id, 4)) == {cat}


def test_tool_results_and_descriptions_of_images_are_searched(story: Story) -> None:
    found = added(story, role="tool", content=[result("the harvest failed")])
    image = ImagePart(url="https://example.org/barn.png", alt_text="a harvest")
    seen = added(story, content=[image])
    added(story, role="assistant", content=[call()])
    said(story, "one", "two", "text image call", "harvest")
    assert set(scores(story.id, NEWEST)) == {found, seen}


ODD = [
    "",
    "?!",
    "it's a 'quote' \\ and & | ! ( ) <-> :*",
    "https://example.org/?a=1&b='2'\\",
    "x" * 100_000,
    "a " * 50_000,
    "- " * 50_000,
    '-""' * 100,
    "-(" * 100,
    "a or " * 100,
    '"' * 300,
]


@pytest.mark.parametrize("question", ODD)
def test_any_question_can_be_asked(story: Story, question: str) -> None:
    said(story, "nothing of the kind", question, "other things", "more", question or " ")
    assert isinstance(scores(story.id, NEWEST), dict)
    assert isinstance(search(story.id, question, 5), list)


def test_a_quoted_word_is_found(story: Story) -> None:
    path, *_ = said(story, r"look in c:\temp\o'brien", "one", "two", "three", r"c:\temp\o'brien")
    assert set(scores(story.id, NEWEST)) == {path}


def test_without_a_question_there_are_no_scores(story: Story) -> None:
    said(story, "hello", role="assistant")
    assert scores(story.id, NEWEST) == {}


def test_a_language_can_be_configured(story: Story) -> None:
    runs, *_ = said(story, "she runs", "one", "two", "three", "running")
    assert scores(story.id, NEWEST) == {}
    assert set(scores(story.id, NEWEST, config="english")) == {runs}


def test_only_the_latest_are_searched(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relevance_scores, "LATEST", 4)
    said(story, "a cat", "one", "two", "three", "cat")
    assert scores(story.id, NEWEST) == {}


def test_another_session_is_not_searched(story: Story) -> None:
    said(story, "a cat", "one", "two", "cat")
    other = Story(bus.execute(commands.CreateSession(), Context(actor=story.actor)).data["id"], story.actor)
    said(other, "a dog", "one", "two", "cat")
    assert search(other.id, "cat", 5) == [(5, "user", "cat")]
    assert scores(other.id, NEWEST) == {}


def test_search_gives_the_best_first(story: Story) -> None:
    said(story, "the cat " + "and many other things " * 100, "the cat and the cat", "the dog")
    found = search(story.id, 'cat -dog "the cat"', 5)
    assert [(position, role) for position, role, _ in found] == [(3, "user"), (2, "user")]
    assert len(search(story.id, "cat", 1)) == 1
