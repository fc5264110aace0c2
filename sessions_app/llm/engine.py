"""Answers: takes a leased run, streams it from its provider, and reports back with commands. Runs in a worker.

Between its transactions it holds no database connection, and it waits for the provider on the process loop."""

import asyncio
import re
import time
from contextlib import suppress
from functools import partial

from django.conf import settings
from django.db import OperationalError, connections, transaction

from bus.bus import bus
from bus.exceptions import LeaseLost, Refused
from bus.loop import submit
from bus.messages import Actor, Command, CommandResult, Context
from bus.work import kinds, lease, runner
from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.events import RunDelta
from sessions_app.llm import catalog, chunks
from sessions_app.llm.base import Finish, ProviderError, Request, TextDelta, Turn
from sessions_app.models import Message, Run, Session
from sessions_app.values import Role, text_of, to_content

KIND = "run"
TASK = "sessions_app.answer"
MAX_TURNS = 200
END_PAUSE = 0.5
LONGEST_DELTA = 4000
"""Characters of one notice; even escaped they fit in a frame."""
ENGINE = Actor("system", "engine")


def answer(held: Lease) -> None:
    """Do one run. A worker that died in mid-answer left text behind: that run ends `interrupted`, billed once."""
    said = chunks.stored(held.id) if held.attempts > 1 else ""
    if said:
        end(held, commands.InterruptRun(session_id=held.stream, run_id=held.id, text=said))
        return
    step(held, commands.StartRun(session_id=held.stream, run_id=held.id, attempt=held.attempts))
    run = Run.objects.select_related("session").get(id=held.id)
    request = request_of(run)
    connections.close_all()  # the provider may take minutes
    try:
        text, finish = submit(asyncio.wait_for(stream(held, run.provider, request), settings.RUN_TIMEOUT)).result()
    except (ProviderError, TimeoutError) as error:
        detail = str(error) or f"No end of the answer after {settings.RUN_TIMEOUT:.0f} s."
        end(held, commands.FailRun(session_id=held.stream, run_id=held.id, error=detail))
        return
    end(
        held,
        commands.CompleteRun(
            session_id=held.stream,
            run_id=held.id,
            text=text,
            prompt_tokens=finish.prompt_tokens,
            completion_tokens=finish.completion_tokens,
            finish_reason=finish.reason,
        ),
    )


def request_of(run: Run) -> Request:
    """What the model is asked: the conversation up to the version at which the answer was wanted."""
    newest = Message.objects.filter(conversation_id=run.conversation_id, position__lte=run.requested_version).order_by(
        "-position"
    )[:MAX_TURNS]
    turns = [Turn(message.role, text_of(to_content(message.content))) for message in reversed(newest)]
    session: Session = run.session
    if session.config.get("system_prompt") and not any(turn.role == Role.SYSTEM for turn in turns):
        turns.insert(0, Turn(Role.SYSTEM, session.config["system_prompt"]))
    return Request(
        model=run.model,
        turns=tuple(turns),
        temperature=session.config.get("temperature"),
        max_tokens=session.config.get("max_tokens"),
        options=session.config.get("provider_options") or {},
    )


async def stream(held: Lease, provider_name: str, request: Request) -> tuple[str, Finish]:
    """The whole text and its end; shows deltas as they come, together every DELTA_INTERVAL seconds."""
    if provider_name not in settings.LLM_PROVIDERS:
        raise ProviderError(f"The provider {provider_name!r} is not configured on this server.", permanent=True)
    said: list[str] = []
    finish: Finish | None = None
    show = Shower(held)
    try:
        async for piece in catalog.provider(provider_name).stream(request):
            if runner.active.get(held.id) is not held:
                raise LeaseLost
            if isinstance(piece, Finish):
                finish = piece
            elif isinstance(piece, TextDelta) and (text := clean(piece.text)):
                said.append(text)
                chunks.writer().add(held, text)
                show.add(text)
    finally:
        show.close()
        chunks.writer().forget(held.id)
    if finish is None:
        raise ProviderError("The provider's stream ended without an end.", permanent=False)
    return "".join(said), finish


class Shower:
    """Puts a run's deltas together for a moment and tells them as one notice."""

    def __init__(self, held: Lease) -> None:
        self._held = held
        self._pieces: list[str] = []
        self._offset = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, text: str) -> None:
        """Show this soon; the first piece at once."""
        self._pieces.append(text)
        if self._timer is None:
            delay = settings.DELTA_INTERVAL if self._offset else 0.0
            self._timer = asyncio.get_running_loop().call_later(delay, self._tell)

    def close(self) -> None:
        """Show what is left now."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _tell(self) -> None:
        self._timer = None
        text = "".join(self._pieces)
        self._pieces.clear()
        for start in range(0, len(text), LONGEST_DELTA):
            piece = text[start : start + LONGEST_DELTA]
            run, attempt = self._held.id, self._held.attempts
            bus.tell(RunDelta(session_id=self._held.stream, key=run, attempt=attempt, offset=self._offset, text=piece))
            self._offset += len(piece)


def clean(text: str) -> str:
    """Provider output without what the database refuses: NUL and lone surrogates become U+FFFD."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)


def step(held: Lease, command: Command) -> CommandResult:
    """One command on the way, written only while the lease is held."""
    return bus.execute(
        command, Context(actor=ENGINE, correlation_id=held.correlation), before=partial(lease.hold, held)
    )


def end(held: Lease, command: Command) -> None:
    """The last command: its effect, the end of the work and the removal of the chunks commit together.

    A paid answer is in memory only, so a database that is away is waited for as long as the lease may last."""

    def finish(result: CommandResult) -> None:
        lease.finish(held, "done", result={"version": result.version})
        chunks.remove(held.id)

    context = Context(actor=ENGINE, correlation_id=held.correlation)
    deadline = time.monotonic() + settings.BUS_LEASE_SECONDS
    while True:
        try:
            bus.execute(command, context, before=partial(lease.hold, held), after=finish)
            return
        except OperationalError:
            connections.close_all()
            if time.monotonic() > deadline:
                raise
            time.sleep(END_PAUSE)


def parked(held: Lease, detail: str) -> None:
    """The run was tried often enough: it ends, with what was said if anything was."""
    said = chunks.stored(held.id)
    command: Command
    if said:
        command = commands.InterruptRun(session_id=held.stream, run_id=held.id, text=said)
    else:
        command = commands.FailRun(session_id=held.stream, run_id=held.id, error=detail)
    with suppress(Refused), transaction.atomic():  # the run has ended otherwise, or its session is gone
        bus.execute(command, Context(actor=ENGINE, correlation_id=held.correlation))
    chunks.remove(held.id)


kinds.register(kinds.Kind(name=KIND, task=TASK, run=answer, parked=parked, refused=parked))
