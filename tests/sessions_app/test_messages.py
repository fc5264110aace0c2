"""Messages: added, changed, refused."""

from sessions_app import commands
from sessions_app.models import Message, Session
from tests.story import Story, assert_replay_rebuilds_the_same_rows


def test_an_added_message_is_a_row_and_an_event(story: Story) -> None:
    result = story.tell(commands.AddMessage, content="hello")
    message = Message.objects.get(id=result.data["id"])
    assert (message.role, message.content) == ("user", [{"type": "text", "text": "hello"}])
    assert message.position == result.version == 2
    assert story.types() == ["session-created", "message-added"]
    assert Session.objects.get(id=story.id).message_count == 1
    assert_replay_rebuilds_the_same_rows()
