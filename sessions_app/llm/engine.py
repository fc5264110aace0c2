"""Answers: takes a leased run, asks its provider, runs the tools it calls, and reports every step with a command.

A run is a flow on the process loop: it holds no thread and no database connection while the provider speaks."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from django.conf import settings

from bus.database import in_thread
from bus.exceptions import LeaseLost, Refused
from bus.messages import CommandResult
from bus.work import kinds, lease, runner
from bus.work.lease import Lease
from sessions_app import commands
from sessions_app.artifacts import inlining
from sessions_app.llm import asking, calls, chunks, clients, leftovers, reporting, status, stops, summaries
from sessions_app.llm.asking import Prepared
from sessions_app.llm.base import ProviderError, Usage
from sessions_app.llm.budgets import BudgetExhausted
from sessions_app.llm.pauses import until_next
from sessions_app.llm.streaming import Answer
from sessions_app.models import Run
from sessions_app.values import RunOutcome, ToolCallPart

T = TypeVar("T")
Step = tuple[list[ToolCallPart], Prepared | None]
"""Tool calls to answer, or else the next request; neither when the run has come to an end."""

KIND = "run"
TASK = "sessions_app.answer"
TRIES = 5
"""How often a run is taken up: workers that died and providers that failed."""
STOPPED = "worker-stopped"


class Flow:
    """One run at work in this process."""

    def __init__(self, held: Lease) -> None:
        self.held = held
        self.attempt = 0
        self.over = False
        self.spoke = False
        self.answer: Answer | None = None
        self.retries_interrupted = False
        self.provider = ""
        self.time_over = float("inf")  # by time.monotonic()
        self.clock = asyncio.timeout_at(None)
        self._run: Run | None = None

    async def go(self) -> None:
        """From the claim to the end, to a pause for approval, or to the next try. Raises TimeoutError."""
        async with self.clock:
            step = await self._step(self._begin)
            if self.time_over != float("inf"):
                self.clock.reschedule(asyncio.get_running_loop().time() + self.time_over - time.monotonic())
                await asyncio.sleep(0)  # it may be over already
            run = self._run if self._run and self._run.compacts and not self.over else None
            await (self._go_on(step) if run is None else self._compact(run))

    async def _go_on(self, step: Step) -> None:
        rounds = 0
        while not self.over:
            wanted, prepared = step
            if wanted:
                await self._use_tools(wanted)
            elif prepared is not None and prepared.plan.wanted_summary is not None and rounds < summaries.MOST_ROUNDS:
                rounds += 1
                await self._summarise(prepared)
            elif prepared is not None:
                await self._ask(prepared)
            if not self.over:
                step = await self._step(self._prepare)

    async def _step(self, function: Callable[..., T], *arguments: Any) -> T:
        """One transaction in a thread. A stop that comes meanwhile is heeded once it has ended."""
        step = asyncio.ensure_future(in_thread(function, *arguments))
        try:
            return await asyncio.shield(step)
        except asyncio.CancelledError:
            while not step.done():  # two stops may come: its time is over, and somebody cancels
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([step])
            raise

    # -- the beginning ---------------------------------------------------------------------------------------------

    def _begin(self) -> Step:
        """A worker that died in mid-answer left text behind: that run ends `interrupted`, billed once, unless it is
        to be tried again. Goes on to the first request: one thread, one connection."""
        run = self._run = Run.objects.select_related("session").get(id=self.held.id)
        self.retries_interrupted = run.on_interrupt == "retry"
        said = chunks.stored(run.id, run.attempt) if run.state == Run.State.RUNNING else ""
        if said and not self.retries_interrupted:
            self._end("interrupted", text=said, usage=leftovers.usage_of(run, said))
        elif run.cancel_requested:
            self._end("incomplete" if run.attempt else "cancelled", reason="cancelled")
        else:
            started = reporting.report(self.held, commands.StartRun(session_id=self.held.stream, run_id=run.id))
            run.attempt = self.attempt = started.data["attempt"]
            left = run.seconds_left(started.events[0].recorded_at)
            self.time_over = time.monotonic() + left if left is not None else self.time_over
            return ([], None) if run.compacts else self._prepare(run)
        return [], None

    def _prepare(self, known: Run | None = None) -> Step:
        """What comes next; `known` is the run where it was just read."""
        run = self._run = known or Run.objects.select_related("session").get(id=self.held.id)
        wanted, for_client = asking.unanswered(run)
        if for_client and not wanted:
            self._end("completed", reason=status.CALLS)
        if wanted or for_client:
            return wanted, None
        # a round of tools ends an attempt: with fewer attempts there is nothing to count
        if run.attempt > settings.RUN_MAX_STEPS and asking.steps_of(run) >= settings.RUN_MAX_STEPS:
            self._end("incomplete", reason="steps")
            return [], None
        try:
            prepared = asking.prepare(asking.asked_by(run))
        except Refused as refused:
            self._end("failed", code=refused.code, error=refused.detail)
            return [], None
        self.provider = run.provider
        left_out = summaries.left_out(prepared.plan)
        if left_out and prepared.plan.wanted_summary is None:
            reporting.report(self.held, summaries.record(self.held, prepared.plan, left_out))
        return [], prepared

    # -- tools -----------------------------------------------------------------------------------------------------

    async def _use_tools(self, wanted: list[ToolCallPart]) -> None:
        assert self._run is not None
        self.spoke = True
        results = await calls.all_used(wanted, self._run)
        await self._step(
            self._used, commands.RecordToolResults(session_id=self.held.stream, run_id=self.held.id, results=results)
        )

    def _used(self, command: commands.RecordToolResults) -> None:
        """The results are stored; a budget that is used up ends the run here."""
        try:
            self.attempt = reporting.report(self.held, command).data["attempt"]
        except BudgetExhausted as refused:
            self._end("failed", code=refused.code, error=refused.detail)

    # -- asking ----------------------------------------------------------------------------------------------------

    async def _ask(self, prepared: Prepared) -> None:
        answer = self.answer = Answer(self.held, self.attempt, prepared.request)
        failed: ProviderError | None = None
        try:
            provider = await clients.ready(self.provider)
            await answer.stream(provider, await inlining.inlined(self.held.stream, prepared.request))
        except ProviderError as error:
            failed = error
        finally:  # before the end: a piece that is stored beside it would stay behind
            chunks.writer().forget(self.held)
        await (self._step(self._answered, answer) if failed is None else self._step(self._failed, failed, answer))
        self.answer = None

    def _answered(self, answer: Answer) -> None:
        assert answer.finish is not None
        if answer.calls:
            self._called(answer)
        elif answer.finish.reason in ("length", "content_filter"):
            self._end_with("incomplete", answer, reason=answer.finish.reason)
        else:
            self._end_with("completed", answer, reason="stop")  # some say `tool_calls` and call none

    def _called(self, answer: Answer) -> None:
        """The calls are stored before any tool runs; those that need a person put the run aside."""
        assert self._run is not None
        stored = calls.stored(answer.calls, asking.call_ids(self._run))
        command = commands.RecordToolCalls(
            session_id=self.held.stream,
            run_id=self.held.id,
            text=answer.text,
            tool_calls=stored,
            usage=answer.usage,
            needs_approval=calls.for_a_person(stored, self._run),
        )

        def after(result: CommandResult) -> None:
            chunks.remove(self.held.id)
            types = {event.type for event in result.events}
            if "run-incomplete" in types:  # cancelled meanwhile: nobody is to be asked any more
                lease.finish(self.held, "done", result={"version": result.version})
            elif "run-requires-action" in types:
                lease.wait(self.held)
            self.over = bool(types & {"run-incomplete", "run-requires-action"})

        reporting.report(self.held, command, after)
        self.answer = None  # it is stored: a stop that comes now must not store it again
        self.spoke = True

    async def _summarise(self, prepared: Prepared) -> None:
        """Ask for the summary the plan wants; a bad one is billed, not used, and the request goes as it is."""
        command = await summaries.made(self.held, prepared, self.provider)
        if command is not None:
            await self._step(reporting.report, self.held, command)
        if command is None or not command.text:
            await self._ask(prepared)

    async def _compact(self, run: Run) -> None:
        how = await summaries.compacted(self.held, run, self._step)
        await self._step(lambda: self._end(**how))

    def _failed(self, error: ProviderError, answer: Answer) -> None:
        """Tokens that came are billed: such an answer is only repeated where that was asked for."""
        spoke = bool(answer.text or answer.calls)
        delay = until_next(self.held.attempts, error.retry_after)
        last = error.permanent or self.held.last_attempt or time.monotonic() + delay >= self.time_over
        if answer.text and (last or not self.retries_interrupted):
            self._end_with("interrupted", answer)
        elif last:
            usage = answer.usage if spoke else None
            self._end("failed", code=error.code, error=error.detail, usage=usage)
        else:
            self._postpone(error.code, error.detail, delay, answer.usage if spoke else None)

    def _postpone(self, code: str, detail: str, delay: float, usage: Usage | None, *, untried: bool = False) -> None:
        """Try again later, unless somebody has asked the run to stop meanwhile."""
        command = commands.PostponeRun(
            session_id=self.held.stream, run_id=self.held.id, delay=delay, code=code, error=detail, usage=usage
        )

        def after(result: CommandResult) -> None:
            if any(event.type == "run-cancelled" for event in result.events):
                lease.finish(self.held, "cancelled")
            else:
                lease.release(self.held, delay=delay, error={"code": code, "detail": detail}, untried=untried)

        reporting.report(self.held, command, after)
        self.over = True

    # -- the end ---------------------------------------------------------------------------------------------------

    def stopped(self, why: str) -> None:
        """Told to stop. Lost: another worker has it. Cancelled, or out of time: what was said is kept. Else it is
        handed back."""
        if why == "lost" or self.over:
            return
        said = self.answer is not None and bool(self.answer.text)
        try:
            if why == "cancelled":
                outcome: RunOutcome = "incomplete" if said or self.spoke else "cancelled"
                self._end_with(outcome, self.answer, reason="cancelled")
            elif why == status.TIMED_OUT:
                self._end_with("failed", self.answer, code=why, error="It took longer than it may.")
            elif said and not self.retries_interrupted:
                self._end_with("interrupted", self.answer)
            elif said and self.answer is not None:
                self._postpone(STOPPED, "The worker was stopped.", 0.0, self.answer.usage, untried=True)
            else:
                lease.release(self.held, delay=0.0, untried=True)
        except Refused:  # its session is gone
            lease.finish(self.held, "cancelled")

    def _end_with(self, outcome: RunOutcome, answer: Answer | None, **more: Any) -> None:
        if answer is None or not (answer.text or answer.calls or answer.finish):
            self._end(outcome, **more)
        else:
            self._end(outcome, text=answer.text, usage=answer.usage, first_token=answer.first_token, **more)

    def _end(self, outcome: RunOutcome, **how: Any) -> None:
        reporting.end(self.held, outcome, **how)
        self.over = True


async def answer(held: Lease) -> None:
    """Do one run."""
    flow = Flow(held)
    stops.watch()
    try:
        await flow.go()
    except asyncio.CancelledError as stop:
        unsaid = status.TIMED_OUT if flow.clock.expired() else "shutdown"  # another stop came just after its time
        await in_thread(flow.stopped, stop.args[0] if stop.args else unsaid)
    except TimeoutError:
        if not flow.clock.expired():
            raise
        await in_thread(flow.stopped, status.TIMED_OUT)
    finally:
        chunks.writer().forget(held)
    if runner.active.get(held.id) is not held and not flow.over:
        raise LeaseLost


def room() -> int:
    """How many runs one process takes at a time."""
    return int(settings.RUN_CONCURRENCY)


kinds.register(
    kinds.Kind(name=KIND, task=TASK, flow=answer, room=room, parked=leftovers.parked, refused=leftovers.parked)
)
