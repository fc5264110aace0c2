"""A session with much in it, told for the tests of files."""

from django.contrib.auth.models import User

from sessions_app import commands
from sessions_app.values import SessionConfig
from tests.conversations import fork, say
from tests.runs import ask, do, told
from tests.story import Story


def rich(alice: User) -> Story:
    """A session of Alice's: an answer with a tool call, a fork of a fork, an artifact in two versions, one deleted, and
    values whose spelling a database changes."""
    story = told(alice, tools=["calculator"], tool={"name": "calculator", "args": {"expression": "6*7"}})
    do(ask(story))
    said = say(story, "a snowman: \u2603 ``` and\n````", metadata={"b": 1e22, "a": [1.0, 5e-324, 10**15, None]})
    other = fork(story, said, name="Another way")
    answer = say(story, "another answer", role="assistant", conversation=other)
    fork(story, answer, name="A third way")
    kept = [story.tell(commands.StoreArtifact, name="plan.json", data={"steps": n}).data["id"] for n in range(3)]
    story.tell(commands.DeleteArtifact, artifact_id=kept[0])
    story.tell(commands.UpdateMessage, message_id=said, metadata={"pinned": True})
    config = SessionConfig(provider="echo", model="echo", provider_options={"delay": 0})
    story.tell(commands.UpdateSession, title="A rich story", config=config, metadata={"project": {"n": 1}})
    return story
