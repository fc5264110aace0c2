"""A session from a file: the same log, the importer's, once; and nothing beyond it on the file's word."""

import json
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from bus.bus import bus
from bus.exceptions import Invalid, TooLarge
from bus.messages import Actor
from bus.models import StoredEvent, Stream, Work
from bus.registry import default
from sessions_app import commands, queries
from sessions_app.exchange import exporting
from sessions_app.exchange.files import Document, Lines
from sessions_app.exchange.form import encode
from sessions_app.exchange.importing import How, Outcome, Taken, take_in
from sessions_app.models import (
    ApiToken,
    Artifact,
    BudgetUse,
    Conversation,
    DailyUse,
    Graph,
    GraphNode,
    Message,
    Run,
    Session,
    SessionShare,
    UsageEntry,
)
from sessions_app.state import state_at
from tests import graphs
from tests.architecture.golden import FOLDER
from tests.exchange import made
from tests.exchange.telling import rich
from tests.runs import ask, do
from tests.story import Story, assert_replay_rebuilds_the_same_rows

pytestmark = pytest.mark.django_db(transaction=True)


def actor_of(user: User) -> Actor:
    return Actor("user", str(user.pk))


def import_of(user: User, value: Any, **how: Any) -> Outcome:
    return take_in(actor_of(user), Document(made.written(value)), how=How(**how))


def export_of(session_id: UUID) -> bytes:
    version = Stream.objects.get(id=session_id).version
    return b"".join(exporting.as_json(session_id, exporting.manifest_of(session_id, version)))


def forget(session_id: UUID) -> None:
    """As on another server: neither the log nor its rows are there."""
    Session.objects.filter(id=session_id).delete()
    StoredEvent.objects.filter(stream=session_id).delete()
    Stream.objects.filter(id=session_id).delete()
    Work.objects.all().delete()
    DailyUse.objects.filter(session=session_id).delete()


def rows_of(session_id: UUID) -> list[Any]:
    models = (Conversation, Message, Run, Artifact, Graph)
    rows: list[Any] = [list(model.objects.filter(session=session_id).order_by("id").values()) for model in models]
    for message in rows[1]:
        message.pop("owner")  # is the importer's
    return [*rows, list(GraphNode.objects.filter(graph__session=session_id).order_by("id").values())]


def test_every_type_of_event_comes_back_byte_for_byte(alice: User) -> None:
    session = uuid4()
    log = made.golden(session)
    assert {event["type"] for event in log} == {
        kind.type for kind in default.events.values() if kind.__module__.startswith(("bus.", "sessions_app."))
    } - made.NOT_TAKEN
    outcome = import_of(alice, made.document(log))
    assert (outcome.status, outcome.events, outcome.missing) == ("created", len(log), 0)
    back = json.loads(export_of(session))["events"]
    assert [encode(event) for event in back[:-1]] == [encode(event) for event in log]
    assert back[-1]["type"] == "session-imported"
    assert_replay_rebuilds_the_same_rows()


def test_a_session_that_was_told_is_told_again_elsewhere(alice: User, bob: User) -> None:
    story = rich(alice)
    file, rows = export_of(story.id), rows_of(story.id)
    stored = {kept.sha256: kept for kept in Artifact.objects.filter(session=story.id)}
    contents = {2: b'{"steps":1}', 3: b'{"steps":2}'}
    forget(story.id)
    log = Document(BytesIO(file))
    outcome = take_in(actor_of(bob), log, lambda kept: BytesIO(contents[kept.version]))
    assert outcome.status == "created"
    assert (outcome.session_id, outcome.events, outcome.missing) == (story.id, log.manifest.events, 0)  # type: ignore[union-attr]
    assert rows_of(story.id) == rows
    assert stored
    session = Session.objects.get(id=story.id)
    assert (session.owner_id, session.title) == (bob.pk, "A rich story")
    again = json.loads(export_of(story.id))
    assert again["events"][:-1] == json.loads(file)["events"]
    last = again["events"][-1]
    assert (last["type"], last["actor"]) == ("session-imported", {"type": "user", "id": str(bob.pk)})
    assert (last["data"]["upto"], last["data"]["sha256"]) == (outcome.events, log.manifest.sha256)  # type: ignore[union-attr]
    assert state_at(story.id, outcome.events + 1).title == "A rich story"
    used = DailyUse.objects.get(session=story.id)
    assert used.messages > 0
    assert (used.prompt_tokens, used.completion_tokens, used.priced, used.completed, used.durations) == (
        0,
        0,
        0,
        0,
        None,
    )
    assert_replay_rebuilds_the_same_rows()


def test_the_same_again_changes_nothing_also_when_it_has_gone_on(alice: User) -> None:
    story = rich(alice)
    file = export_of(story.id)
    story.tell(commands.AddMessage, content="and on")
    before = StoredEvent.objects.count()
    lines = exporting.as_lines(story.id, exporting.manifest_of(story.id, 5))
    for log in (Document(BytesIO(file)), Document(BytesIO(file)), Lines(BytesIO(b"".join(lines)))):
        assert take_in(story.actor, log).status == "unchanged"
    assert StoredEvent.objects.count() == before


def test_ids_that_are_taken_are_refused_in_one_set_of_words(alice: User, bob: User, story: Story) -> None:
    other, mine = uuid4(), uuid4()
    import_of(alice, made.document(made.small(mine)))
    logs = [
        (bob, made.small(mine)),
        (bob, made.small(story.id)),
        (alice, made.small(mine, title="differs")),
        (alice, made.small(mine, ("session-updated", {"updates": {"title": "longer"}}))),
        (bob, [{**event, "session_id": str(other)} for event in made.small(mine)]),
    ]
    logs[-1][1][1]["data"]["conversation_id"] = str(other)
    before = StoredEvent.objects.count(), Stream.objects.count()
    said = set()
    for who, log in logs:
        with pytest.raises(Taken) as refusal:
            import_of(who, made.document(log))
        said.add(refusal.value.detail)
    assert len(said) == 1
    assert (StoredEvent.objects.count(), Stream.objects.count()) == before


def test_a_file_charges_nobody_and_sets_nobody_to_work(alice: User) -> None:
    session = uuid4()
    log = made.golden(session)
    for kind in made.LAST:
        log = [event for event in log if event["type"] != kind]
    log = [{**event, "version": version} for version, event in enumerate(log, start=1)]
    import_of(alice, made.document(log))
    assert (UsageEntry.objects.count(), BudgetUse.objects.count(), Work.objects.count()) == (0, 0, 0)
    assert [run.state for run in Run.objects.filter(session=session)] == ["interrupted"]
    assert [graph.state for graph in Graph.objects.filter(session=session)] == ["cancelled"]
    assert_replay_rebuilds_the_same_rows()


@pytest.mark.parametrize("kind", sorted(made.NOT_TAKEN))
def test_a_file_tells_nothing_of_accounts_and_of_ends(alice: User, charlie: User, kind: str) -> None:
    """A token that a file tells of would be one of whomever it names."""
    (path,) = FOLDER.glob(f"{kind}.v*.json")
    told = json.loads(path.read_text()) | {"user_id": charlie.pk}
    told = {name: value for name, value in told.items() if name in default.events[kind].__struct_fields__}
    with pytest.raises(Invalid):
        import_of(alice, made.document(made.small(uuid4(), (kind, told))))
    assert not ApiToken.objects.exists()


def test_a_file_lets_nobody_into_a_session(alice: User, bob: User) -> None:
    session = uuid4()
    import_of(alice, made.document(made.small(session, ("session-shared", {"user_id": bob.pk, "role": "editor"}))))
    assert not SessionShare.objects.exists()
    assert_replay_rebuilds_the_same_rows()


def test_a_hash_in_a_file_opens_nobodys_bytes(alice: User, bob: User) -> None:
    story, session = rich(alice), uuid4()
    secret = Artifact.objects.filter(session=story.id, deleted_at__isnull=True).first()
    assert secret is not None
    about = {"name": "mine.json", "version": 1, "content_type": "application/json"}
    stored = {"artifact_id": str(uuid4()), **about, "size": secret.size, "sha256": secret.sha256}
    log = made.small(session, ("artifact-stored", stored))
    assert import_of(bob, made.document(log)).missing == 1
    assert not queries.artifacts_in(session).exists()
    again = uuid4()
    stored["artifact_id"] = str(uuid4())
    assert import_of(alice, made.document(made.small(again, ("artifact-stored", stored)))).missing == 0
    assert queries.artifacts_in(again).count() == 1


def test_a_dry_run_tries_everything_and_keeps_nothing(alice: User) -> None:
    session = uuid4()
    file = made.document(made.golden(session))
    outcome = import_of(alice, file, dry_run=True)
    assert (outcome.status, Stream.objects.count(), StoredEvent.objects.count()) == ("created", 0, 0)
    assert import_of(alice, file) == outcome
    assert import_of(alice, file, dry_run=True).status == "unchanged"


def test_a_session_that_takes_too_long_is_left_to_an_operator(alice: User) -> None:
    file = made.document(made.golden(uuid4()))
    with pytest.raises(TooLarge, match="takes too long"):
        import_of(alice, file, seconds=0.0)
    assert (Stream.objects.count(), StoredEvent.objects.count()) == (0, 0)
    assert import_of(alice, file, seconds=60.0).status == "created"


def test_events_of_an_older_schema_are_brought_to_the_present_one(alice: User) -> None:
    session = uuid4()
    run = {"run_id": str(uuid4()), "conversation_id": str(session), "provider": "echo", "model": "echo"}
    file = made.document(made.small(session, ("run-requested", run)))
    assert import_of(alice, file).status == "created"
    assert json.loads(export_of(session))["events"][2]["schema"] == bus.registry.events["run-requested"].schema
    assert import_of(alice, file).status == "unchanged"


def test_what_graphs_and_runs_leave_in_a_log_means_nothing_beyond_it(alice: User) -> None:
    story = graphs.story(alice)
    first = graphs.work_off(
        graphs.start(story, graphs.node("a"), graphs.node("b", "a", condition="'no' in nodes.a.output"))
    )
    earlier = GraphNode.objects.get(graph=first, key="a").id
    graphs.work_off(graphs.start(story, graphs.node("c", str(earlier))))
    run = do(ask(story))
    waiting = [ask(story, text) for text in ("one", "two")]
    do(waiting[0])
    do(waiting[1])
    again = story.tell(commands.RetryRun, run_id=run.id).data["id"]
    do(again)
    story.tell(commands.RegenerateMessage, message_id=Run.objects.get(id=again).message)
    file, rows = export_of(story.id), rows_of(story.id)
    forget(story.id)
    assert take_in(story.actor, Document(BytesIO(file))).status == "created"
    after = rows_of(story.id)
    assert [row["state"] for row in after[2] if row["state"] == "interrupted"] == ["interrupted"]
    assert [rows[place] for place in (0, 1, 3, 4, 5)] == [after[place] for place in (0, 1, 3, 4, 5)]
    assert_replay_rebuilds_the_same_rows()
