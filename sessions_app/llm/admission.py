"""Whether a run may begin: the model can do what is asked, the tools exist, budgets allow it. Called by handlers (and
`set_aside` by a reaction), under the session's lock."""

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet

from sessions_app.llm import budgets, capabilities, catalog, options
from sessions_app.llm.base import Usage
from sessions_app.llm.context import count
from sessions_app.llm.context.count import answer_room
from sessions_app.llm.options import Asking
from sessions_app.models import Message, Session
from sessions_app.queries import messages_in
from sessions_app.values import Content, ImagePart, parts


def tokens_of(content: Content) -> int:
    """An estimate of what a message takes."""
    return count.message(content) if content else 0


def admit(session: Session, wanted: Asking, content: Content, line: QuerySet[Message] | None = None) -> None:
    """`content` is what the run is to answer, `line` what was said before, if not that of its conversation. Raises
    UnknownTool, CapabilityMissing, ContextOverflow or, where the run's own budget does not reach for a request with
    this alone, BudgetExhausted."""
    before = messages_in(wanted.conversation_id) if line is None else line
    offered, longest = options.offered(wanted), options.max_tokens(session, wanted)
    capabilities.check(
        wanted.provider,
        wanted.model,
        images=any(isinstance(part, ImagePart) for part in content) or _shows_images(before),
        tools=bool(wanted.tools or wanted.client_tools),
        tokens=tokens_of(content),  # what came before can be left out, what is asked now cannot
        max_tokens=longest,
    )
    allowance = options.allowance_of(wanted)
    if allowance is not None:
        always = parts(options.system_prompt(session, wanted))
        allowance.longest_answer(tokens_of(content) + tokens_of(always) + count.tools(offered), longest)


def _shows_images(line: QuerySet[Message]) -> bool:
    shown = line.filter(content__contains=[{"type": "image"}])
    return shown.exclude(metadata__contains={"excluded": True}).exists()


def set_aside(session: Session, run_id: UUID, wanted: Asking, tokens: int) -> None:
    """Reserve what a request of the run may use: the last request's tokens again, what it answers, the longest answer.
    Raises BudgetExhausted."""
    prompt = session.context_tokens + tokens
    window = catalog.window(wanted.provider, wanted.model)
    answer = answer_room(window, options.max_tokens(session, wanted))
    if window is not None:
        prompt = min(prompt, window)
    usage = Usage(input_tokens=prompt, output_tokens=answer)
    usd = catalog.cost(wanted.provider, wanted.model, usage, datetime.now(UTC))
    budgets.reserve(session, run_id, prompt + answer, usd)
