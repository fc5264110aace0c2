"""The flow of one run: what is recorded of it and the text as it grows, until it has ended."""

import logging
from uuid import UUID

import msgspec

from bus.bus import bus
from bus.database import in_thread
from bus.exceptions import CannotResume, Refused
from bus.live import hub as hubs
from bus.live import sse
from bus.live.frames import Frame
from bus.messages import Context
from bus.models import StoredEvent
from sessions_app.commands import CancelRun
from sessions_app.events import RUN_ENDS
from sessions_app.llm.status import ENDED
from sessions_app.models import Message, Run
from sessions_app.represent import message_as_dict, run_as_dict
from sessions_app.streams.session import Reader, SessionFlow

logger = logging.getLogger(__name__)


class RunFlow(SessionFlow):
    """What is recorded of the run after `after` (a version). With `cancels` the run is stopped when its reader leaves
    before its end; a server that goes away does not leave."""

    ends = frozenset(kind.type for kind in RUN_ENDS)

    def __init__(self, reader: Reader, run: Run, after: int = 0, *, cancels: bool = False) -> None:
        # nothing of it is earlier, but that it waited for its turn
        super().__init__(reader, run.session_id, max(after, run.requested_version - 1))
        self._reader = reader
        self._session = run.session_id
        self._run: UUID = run.id
        self._named = str(run.id).encode()
        self._cancels = cancels

    async def open(self) -> None:
        """Join its session; where the log no longer has what was recorded of it, tell how it stands."""
        if await in_thread(_is_gone, self._run, self._session, self.after):
            self._tell(*await in_thread(_state_of, self._run))
            return
        try:
            await hubs.hub().attach(self._subscription, self.after)
        except CannotResume:
            head = await hubs.hub().attach(self._subscription, None)
            self.put(sse.reset(head))
            self._tell(*await in_thread(_state_of, self._run))

    def take(self, frame: Frame) -> bool:
        """Only what concerns the run."""
        return super().take(frame) if self._concerns(frame) else True

    async def gone(self) -> None:
        """Stop the run, where that was asked for."""
        if self._cancels:
            await stop(self._reader, self._session, self._run)

    def _concerns(self, frame: Frame) -> bool:
        if frame.version == 0:
            return frame.key == self._run
        if self._named not in frame.body:
            return False
        return bool(frame.decoded()["data"].get("run_id") == str(self._run))

    def _tell(self, state: bytes, ended: bool) -> None:
        self.put(sse.event("run-state", state))
        if ended:
            self.end()


async def stop(reader: Reader, session: UUID, run: UUID) -> None:
    """Cancel the run of a reader who has left, unless it has ended."""
    try:
        await bus.aexecute(CancelRun(session_id=session, run_id=run), Context(actor=reader.actor))
    except Refused as refused:  # it has ended, or is somebody else's now
        logger.debug("nothing to cancel: %s", refused)
    except Exception as error:  # the outermost edge of a stream: it goes on, as without a wish
        logger.warning("the run of a reader who left could not be cancelled: %r", error)


def is_told(run: Run, after: int) -> bool:
    """Whether a reader who has what was recorded up to that version has all of it."""
    return after > 0 and _is_gone(run.id, run.session_id, after)


def _is_gone(run_id: UUID, session_id: UUID, after: int) -> bool:
    """Whether the run has ended, and the log has nothing of it that is later."""
    if not Run.objects.filter(id=run_id, state__in=ENDED).exists():
        return False
    later = StoredEvent.objects.filter(stream=session_id, version__gt=after, data__run_id=str(run_id))
    return not later.exists()


def _state_of(run_id: UUID) -> tuple[bytes, bool]:
    run = Run.objects.get(id=run_id)
    message = None if run.message is None else Message.objects.filter(id=run.message).first()
    shown = {"run": run_as_dict(run), "message": None if message is None else message_as_dict(message)}
    return msgspec.json.encode(shown), run.state in ENDED
