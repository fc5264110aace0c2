"""Conversations of a ChatGPT export (`conversations.json`) as logs: each a session, its branches forks of each other.

A conversation there is a tree of nodes, each with a message or none, and `current_node` is where its reader left it:
the way from there to the root becomes `main`, and what branches off it forks, newest first."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from bus.exceptions import Invalid
from bus.messages import Actor
from sessions_app.exchange.chatgpt_words import parts_of
from sessions_app.exchange.form import Line, Manifest
from sessions_app.values import Content, Role

SOURCE = "chatgpt"
_NAMES = UUID("5f0c39f4-5d8c-5e0b-9f0d-2f1a3c6f7b11")
"""Whence the ids: of one importer and one conversation they are always the same."""
_MOST_SECONDS = 253_402_300_799
_ROLES = {role.value: role for role in (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.TOOL)}


class Author(msgspec.Struct):
    """Who said it."""

    role: str
    name: str | None = None


class Message(msgspec.Struct):
    """What was said; `content` has one of many forms."""

    author: Author
    content: dict[str, Any] = {}
    create_time: float | None = None
    metadata: dict[str, Any] = {}


class Node(msgspec.Struct):
    """A place in the tree."""

    message: Message | None = None
    parent: str | None = None
    children: list[str] = []


class Conversation(msgspec.Struct):
    """One conversation. It has an id, under one of two names."""

    mapping: dict[str, Node]
    title: str | None = None
    create_time: float | None = None
    current_node: str | None = None
    conversation_id: str | None = None
    id: str | None = None
    default_model_slug: str | None = None


class _Place(NamedTuple):
    """Where a line has come to: its conversation, and the version of the last message in it."""

    conversation: UUID
    version: int


class Told:
    """One conversation as the log of a session of `importer`."""

    source = SOURCE
    manifest: Manifest | None = None

    def __init__(self, importer: Actor, value: Any) -> None:
        try:
            self._told = msgspec.convert(value, Conversation)
        except msgspec.ValidationError as error:
            raise Invalid(f"This is no conversation of a ChatGPT export: {error}") from None
        self.name = self._told.conversation_id or self._told.id or ""
        if not self.name:
            raise Invalid("The conversation has no id.")
        self.session_id = uuid5(_NAMES, f"{importer}/{self.name}")

    def lines(self) -> Iterator[Line]:
        """Its events, which are the same each time."""
        return _Writer(self._told, self.session_id, self.name).lines()


class _Writer:
    """Goes through the tree and tells it, event by event."""

    def __init__(self, told: Conversation, session_id: UUID, name: str) -> None:
        self._told = told
        self._session = session_id
        self._name = name
        self._version = 0
        self._at = _moment(told.create_time) or datetime.fromtimestamp(0, UTC)
        self._branches: list[tuple[str, _Place]] = []
        self._seen: set[str] = set()
        self._forks = 1

    def lines(self) -> Iterator[Line]:
        yield self._event("session-created", self._created())
        main = _Place(self._session, 1)
        yield from self._line(self._path(), main)
        while self._branches:
            node, place = self._branches.pop()
            yield from self._fork(node, place)

    def _created(self) -> dict[str, Any]:
        config = {"provider": "openai", "model": (self._told.default_model_slug or "unknown")[:100]}
        metadata = {"imported": {"from": SOURCE, "conversation_id": self._name[:200]}}
        return {"owner_id": None, "title": (self._told.title or "")[:200], "config": config, "metadata": metadata}

    def _path(self) -> list[str]:
        """The way to where its reader left it, from the root; where that is not said, along the newest children."""
        nodes, path = self._told.mapping, []
        at = self._told.current_node
        if at in nodes:
            while at in nodes and at not in self._seen:
                self._seen.add(at)
                path.append(at)
                at = nodes[at].parent
            self._seen.clear()
            return path[::-1]
        root = next((name for name, node in nodes.items() if node.parent not in nodes), None)
        return [] if root is None else self._down(root)

    def _down(self, node: str) -> list[str]:
        path: dict[str, None] = {}
        while node in self._told.mapping and node not in self._seen and node not in path:
            path[node] = None
            children = self._told.mapping[node].children
            node = children[-1] if children else ""
        return list(path)

    def _line(self, path: list[str], place: _Place) -> Iterator[Line]:
        """The messages of a way down the tree, in one conversation. Its other branches are for later."""
        for index, name in enumerate(path):
            self._seen.add(name)
            node = self._told.mapping[name]
            said = _said(node.message)
            if node.message is not None and said is not None:
                yield self._message(name, node.message, said, place.conversation)
                place = _Place(place.conversation, self._version)
            following = path[index + 1 : index + 2]
            self._branches += [(child, place) for child in node.children if [child] != following]

    def _fork(self, node: str, place: _Place) -> Iterator[Line]:
        path = self._down(node)
        if not any(_said(self._told.mapping[name].message) for name in path):
            yield from self._line(path, place)  # nothing to say, but perhaps further branches
            return
        self._forks += 1
        conversation = uuid5(self._session, f"fork {node}")
        data = {"conversation_id": str(conversation), "name": f"Branch {self._forks}"}
        yield self._event(
            "conversation-started", data | {"parent": str(place.conversation), "forked_at": place.version}
        )
        yield from self._line(path, _Place(conversation, place.version))

    def _message(self, name: str, message: Message, said: Content, conversation: UUID) -> Line:
        self._at = _moment(message.create_time) or self._at
        slug = message.metadata.get("model_slug")
        about = {"model": slug if isinstance(slug, str) else None, "author": message.author.name}
        data = {
            "message_id": str(uuid5(self._session, f"message {name}")),
            "conversation_id": str(conversation),
            "role": _ROLES[message.author.role].value,
            "content": msgspec.to_builtins(said),
            "metadata": {key: value for key, value in about.items() if value},
        }
        return self._event("message-added", data)

    def _event(self, kind: str, data: dict[str, Any]) -> Line:
        self._version += 1
        return Line(
            id=uuid5(self._session, f"event {self._version}"),
            type=kind,
            schema=1,
            session_id=self._session,
            version=self._version,
            recorded_at=self._at,
            actor=Actor(SOURCE),
            data=data,
        )


def _moment(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 <= seconds <= _MOST_SECONDS:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _said(message: Message | None) -> Content | None:
    """What a message says that people were shown; None: nothing."""
    if message is None or message.author.role not in _ROLES:
        return None
    if message.metadata.get("is_visually_hidden_from_conversation") is True:
        return None
    return parts_of(message.content, message.metadata) or None
