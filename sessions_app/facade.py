"""Document 004's session as an async Python object, for scripts and notebooks: conversations, prompts that depend on
each other, artifacts. Everything goes through the bus, like everything else; with `works` this process answers as well.

    django.setup()
    session = await Session.create_default()
    first = await session.execute_prompt(Prompt(name="draft", user_prompt="…"))
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from bus.bus import bus
from bus.database import in_thread
from bus.messages import SYSTEM, Actor, Command, Context, SessionCommand
from bus.work.sweeper import Sweeper
from sessions_app import commands, history, queries
from sessions_app.artifacts import blobs, store
from sessions_app.llm import keys
from sessions_app.orchestration import graph as rules
from sessions_app.orchestration import prompts
from sessions_app.orchestration.prompts import PromptText
from sessions_app.orchestration.represent import graph_as_dict, node_as_dict
from sessions_app.orchestration.spec import NodeSpec, PromptSpec
from sessions_app.represent import artifact_as_dict
from sessions_app.values import SessionConfig

POLL = 0.05
"""Seconds between two looks at an execution that is waited for."""


class NotInitialized(RuntimeError):
    """The session is not initialized: await its initialize() first, or make it with create_default()."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt with a name, a system part and a user part; or, without a user part, the named template of the server
    (version None: the newest)."""

    name: str
    user_prompt: str | None = None
    system_prompt: str | None = None
    variables: dict[str, Any] = {}
    version: int | None = None

    @property
    def key(self) -> str:
        """Its name as templates can say it: `nodes.<key>.output` in a prompt that depends on it."""
        plain = re.sub(r"[^A-Za-z0-9_]", "_", self.name)[:60]
        return plain if plain[:1].isalpha() else f"_{plain}"

    @property
    def spec(self) -> PromptSpec:
        """As commands take it."""
        if self.user_prompt is None:
            return PromptSpec(name=self.name, version=self.version, system=self.system_prompt, variables=self.variables)
        return PromptSpec(user=self.user_prompt, system=self.system_prompt, variables=self.variables)


class Session:
    """A session, and what 004 does with it. Made by `create_default`, or by hand and then initialized.

    `api_key` is for the configured provider, `storage_path` a folder for artifacts, `llm_registry` has more providers
    (a class's dotted path by name): all three in this process only. `prompt_loader` finds prompts that have no user
    part, by name, instead of the server. `owner` is the user whose session it is (None: the system's own); `works`:
    whether this process answers too, which no other worker need then do."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        storage_path: str | Path | None = None,
        config: SessionConfig | None = None,
        llm_registry: Mapping[str, str] | None = None,
        prompt_loader: Callable[[str], Prompt] | None = None,
        session_id: UUID | None = None,
        owner: User | None = None,
        works: bool = True,
    ) -> None:
        self.api_key = api_key
        self.storage_path = storage_path
        self.llm_registry = llm_registry or {}
        self.prompt_loader = prompt_loader
        self.config = config or commands.ECHO
        self.session_id = session_id
        self.owner = owner
        self.works = works
        self._id: UUID | None = None
        self._worker: Sweeper | None = None

    @classmethod
    async def create_default(cls, api_key: str | None = None, **options: Any) -> "Session":
        """A session that is ready to use."""
        session = cls(api_key, **options)
        await session.initialize()
        return session

    async def initialize(self) -> None:
        """Start the servers and prepare the database if need be, begin the session (or go on with the one named), begin
        to work."""
        await asyncio.to_thread(settings.EMBEDDED.start)
        await in_thread(_migrate)
        settings.LLM_PROVIDERS.update(self.llm_registry)
        if self.api_key:
            keys.use(self.config.provider, self.api_key)
        if self.storage_path is not None:
            blobs.use(FileSystemStorage(self.storage_path))
        if self.session_id is None:
            made = await bus.aexecute(commands.CreateSession(config=self.config), self._context)
            self._id = UUID(str(made.data["id"]))
        else:
            ensure = commands.EnsureSession(session_id=self.session_id, config=self.config)
            await bus.aexecute(ensure, self._context)
            self._id = self.session_id
        if self.works:
            self._worker = Sweeper(interval=POLL, grace=0.0)
            self._worker.start()

    async def close(self) -> None:
        """Stop working here; what is not done is left to the server's workers. The servers stop with
        the last process that uses them."""
        if self._worker is not None:
            await asyncio.to_thread(self._worker.stop)
            self._worker = None

    async def __aenter__(self) -> "Session":
        if self._id is None:
            await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def id(self) -> UUID:
        """The session's id. Raises NotInitialized."""
        if self._id is None:
            raise NotInitialized
        return self._id

    @property
    def actor(self) -> Actor:
        """On whose behalf everything is done."""
        return SYSTEM if self.owner is None else Actor("user", str(self.owner.pk))

    @property
    def _context(self) -> Context:
        return Context(actor=self.actor)

    async def _tell(self, kind: Callable[..., SessionCommand], **fields: Any) -> Any:
        command: Command = kind(session_id=self.id, **fields)
        return (await bus.aexecute(command, self._context)).data

    def _spec(self, prompt: Prompt) -> PromptSpec:
        if prompt.user_prompt is not None or self.prompt_loader is None:
            return prompt.spec
        found = self.prompt_loader(prompt.name)
        return msgspec.structs.replace(found, variables={**found.variables, **prompt.variables}).spec

    # -- prompts ---------------------------------------------------------------------------------------------------

    async def start_conversation(self, name: str, initial_prompt: Prompt | None = None, *, answer: bool = True) -> UUID:
        """A new conversation in the session, beginning with the prompt; its id."""
        asked: dict[str, Any] = {}
        if initial_prompt is not None:
            system, user = await in_thread(_rendered, self._spec(initial_prompt))
            asked = {"answer": answer, "input": user, "system": system or None}
        started = await self._tell(commands.StartConversation, name=name, **asked)
        return UUID(str(started["id"]))

    async def execute_prompt(self, prompt: Prompt, dependencies: Sequence[UUID | str] = (), **options: Any) -> UUID:
        """Run a prompt after what it depends on; the execution's id."""
        before = [str(one) for one in dependencies]
        asked = {"prompt": self._spec(prompt), "key": prompt.key, "dependencies": before, **options}
        started = await self._tell(commands.ExecutePrompt, **asked)
        return UUID(str(started["id"]))

    async def execute_parallel(self, prompts: Sequence[Prompt], max_parallel: int = 4) -> list[UUID]:
        """Run prompts that do not depend on each other, so many at a time; their executions' ids."""
        specs: list[PromptSpec | str] = [self._spec(prompt) for prompt in prompts]
        keys = [prompt.key for prompt in prompts]
        asked = {"prompts": specs, "keys": keys if len(set(keys)) == len(keys) else []}
        started = await self._tell(commands.ExecuteParallel, max_parallel=max_parallel, **asked)
        return [UUID(str(one)) for one in started["ids"]]

    async def execute_graph(self, nodes: Sequence[NodeSpec], **options: Any) -> UUID:
        """Run prompts that depend on each other; the graph's id."""
        started = await self._tell(commands.StartGraph, nodes=list(nodes), **options)
        return UUID(str(started["id"]))

    async def get_execution_status(self, execution: UUID | str) -> dict[str, Any]:
        """An execution's state and what became of it; or a graph's, with all of its nodes. Raises NotFound."""
        return await in_thread(_status, self.actor, UUID(str(execution)))

    async def wait(self, execution: UUID | str, timeout: float | None = None) -> dict[str, Any]:
        """The status, once it is final. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while (status := await self.get_execution_status(execution))["state"] not in rules.ENDED:
                await asyncio.sleep(POLL)
        return status

    async def get_conversation_history(self, node_id: UUID | str, max_depth: int = 50, shape: str = "flat") -> Any:
        """What an execution or message depends on and what was said there, back to `max_depth` steps."""
        return await in_thread(_history, self.actor, self.id, UUID(str(node_id)), max_depth, shape)

    # -- artifacts -------------------------------------------------------------------------------------------------

    async def store_artifact(
        self, name: str, data: Any, content_type: str = "application/json", metadata: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Keep bytes, text or JSON with the session under a name; a new version where the name is taken."""
        kind = {"json": "application/json", "text": "text/plain"}.get(content_type, content_type)
        about = dict(metadata or {})
        stored = await in_thread(store.store, self.actor, self.id, name, data, content_type=kind, metadata=about)
        return artifact_as_dict(stored)

    async def get_artifact(self, artifact: UUID | str) -> bytes:
        """An artifact's bytes. Raises NotFound."""
        return await in_thread(store.read, self.actor, UUID(str(artifact)))

    async def list_artifacts(self) -> list[dict[str, Any]]:
        """The session's artifacts, newest first."""
        return await in_thread(lambda: [artifact_as_dict(one) for one in store.of_session(self.actor, self.id)])


def _rendered(spec: PromptSpec) -> tuple[str, str]:
    """Raises NotFound, Invalid, TemplateFailed."""
    text = PromptText(user=spec.user or "") if spec.name is None else prompts.find(spec.name, spec.version)
    if spec.system is not None:
        text = msgspec.structs.replace(text, system=spec.system)
    return prompts.resolve(text, spec.variables)


def _status(actor: Actor, execution: UUID) -> dict[str, Any]:
    graph = queries.graphs_of(actor).filter(id=execution).first()
    return node_as_dict(queries.node_of(actor, execution)) if graph is None else graph_as_dict(graph)


def _history(actor: Actor, session_id: UUID, node: UUID, max_depth: int, shape: str) -> Any:
    session = queries.session_of(actor, session_id)
    nodes = history.of(session.id, node, max_depth)
    return history.tree(nodes) if shape == "tree" else history.all_shown(list(nodes.values()))


def _migrate() -> None:
    """Bring a database of ours up to the models. Raises RuntimeError of an operator's that is not."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    if not settings.EMBEDDED.keeps_database:
        raise RuntimeError("The database is not up to date: run `manage.py migrate` first.")
    call_command("migrate", verbosity=0, interactive=False)
