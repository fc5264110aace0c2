"""Events in words, one line each. Called by `timeline` and `travel`.

What has no words here (a plugin's event) is told by its name. Fields may be missing: an event may be older than they
are, or too long for its line."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from bus.messages import IMPORTED, Actor

Data = Mapping[str, Any]
LONGEST = 140
"""Characters of a text that a line shows."""
FAMILIES = ("message", "run", "graph", "artifact", "conversation", "session", "context")
"""The first word of an event's type: what it is about. Others are `other`."""
_OF_CONTEXT = ("token-metrics-updated", "context-planned", "context-window-critical", "compaction-requested")


def family(kind: str) -> str:
    """What an event of this type is about, as the page marks it."""
    first = "context" if kind in _OF_CONTEXT else kind.partition("-")[0]
    return first if first in FAMILIES else "other"


def who(actor: Actor, reader: Actor) -> str:
    """An actor as the reader knows them; other people are numbers in the log."""
    if actor == reader:
        return _("you")
    match actor.type:
        case "user":
            return _("user %(number)s") % {"number": actor.id}
        case "session":
            return _("a tool")
        case "system":
            return pgettext("an actor", "system") if not actor.id else actor.id
    imported = _("imported")
    return f"{imported}: {actor.id}" if actor.type == IMPORTED else str(actor)


def gone() -> str:
    """Of an event that was erased."""
    return _("What this event said was erased; its hash is left.")


def said(kind: str, data: Data) -> str:
    """What happened, in one line."""
    telling = SAYS.get(kind, "")
    try:
        words = telling(data) if callable(telling) else str(telling) % _Words(data)
    except (AttributeError, KeyError, TypeError, ValueError):  # of another shape: a newer server has written it
        words = ""
    return words or kind.replace("-", " ").capitalize() + "."


class _Words(dict[str, str]):
    """An event's fields as a line shows them: short, and "?" where one is missing."""

    def __init__(self, data: Data) -> None:
        super().__init__()
        self.data = data

    def __missing__(self, key: str) -> str:
        found = self.data.get(key)
        if key in ("content", "input"):
            return text(found) if found is not None else "…"
        if key == "chosen":
            return model(self.data.get("config") or self.data)
        return "?" if found is None else short(str(found))


def short(whole: str) -> str:
    """The beginning, in one line."""
    line = " ".join(whole[: LONGEST * 4].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def model(config: Data) -> str:
    """Provider and model."""
    return f"{config.get('provider') or '?'}/{config.get('model') or '?'}"


def text(content: Any) -> str:
    """The beginning of what a message says, with a word for what is no text."""
    parts: Iterable[Any] = content if isinstance(content, list) else []
    told = (_part(part) for part in parts if isinstance(part, dict))
    return short(" ".join(filter(None, told)))


def _part(part: Data) -> str:
    match part.get("type"):
        case "text":
            return str(part.get("text", ""))
        case "image":
            return _("[image] %(text)s") % {"text": part.get("alt_text") or ""}
        case "tool_call":
            return _("[calls %(name)s]") % {"name": part.get("name")}
    return _("[result] %(text)s") % {"text": part.get("content", "")}


# -- those with more than one way to say it ----------------------------------------------------------------------------


def _updated(data: Data) -> str:
    changes = data.get("updates") or {}
    if "title" in changes:
        return _("Renamed to “%(title)s”.") % {"title": short(str(changes["title"]))}
    if "is_active" in changes:
        return _("Taken back from the archive.") if changes["is_active"] else _("Archived.")
    return _("Changed: %(fields)s.") % {"fields": ", ".join(changes) or "?"}


def _kept(data: Data) -> str:
    if data.get("days") is None:
        return _("Kept as long as the server has it.")
    return _("Erased after %(days)s days without a change.") % _Words(data) if data["days"] else _("Kept for good.")


def _config(data: Data) -> str:
    changes = data.get("changes") or {}
    told = ", ".join(f"{name} = {'-' if value is None else short(str(value))}" for name, value in changes.items())
    return _("Configuration: %(changes)s.") % {"changes": told or model(data.get("config") or {})}


def _message(data: Data) -> str:
    return f"{_role(data.get('role'))}: {_Words(data)['content']}"


def _role(role: Any) -> str:
    names = {
        "user": pgettext("a role", "User"),
        "assistant": pgettext("a role", "Assistant"),
        "system": pgettext("a role", "System"),
        "tool": pgettext("a role", "Tool"),
        "summary": pgettext("a role", "Summary"),
    }
    return names.get(str(role), str(role))


def _message_updated(data: Data) -> str:
    if data.get("content") is not None:
        return _("A message now says: %(content)s") % _Words(data)
    metadata = data.get("metadata") or {}
    flags = {name for name in ("excluded", "pinned") if metadata.get(name) is True}
    if "excluded" in flags:
        return _("A message is left out of requests (excluded).")
    return _("A message always stays in requests (pinned).") if flags else _("A message's metadata changed.")


def _conversation(data: Data) -> str:
    if data.get("parent"):
        return _("“%(name)s” began as a fork at version %(forked_at)s.") % _Words(data)
    return _("The conversation “%(name)s” began.") % _Words(data)


def _conversation_updated(data: Data) -> str:
    archived = data.get("is_archived")
    if archived is None:
        return _("A conversation is now called “%(name)s”.") % _Words(data)
    return _("A conversation was archived.") if archived else _("A conversation was taken back from the archive.")


def _requested(data: Data) -> str:
    if data.get("retries"):
        return _("Answer again, by %(chosen)s.") % _Words(data)
    if data.get("continues"):
        return _("Go on with the answer, by %(chosen)s.") % _Words(data)
    if data.get("waits"):
        return _("An answer of %(chosen)s is wanted when its turn comes.") % _Words(data)
    return _("An answer of %(chosen)s is wanted.") % _Words(data)


def _started(data: Data) -> str:
    attempt = data.get("attempt") or 1
    return _("A worker began.") if attempt == 1 else _("A worker began text %(number)s.") % {"number": attempt}


def _tokens(data: Data) -> str:
    cost = data.get("cost")
    told = _("unpriced") if cost is None else f"${float(cost):.4f}"
    tokens = _("%(prompt_tokens)s tokens read, %(completion_tokens)s written") % _Words(data)
    return f"{tokens}: {told}."


def _planned(data: Data) -> str:
    left = ", ".join(f"{count} {what}" for what, count in (data.get("left_out") or {}).items())
    return _("The request leaves out messages (%(strategy)s): %(left)s.") % {
        "strategy": data.get("strategy"),
        "left": left or "?",
    }


def _critical(data: Data) -> str:
    share = f"{float(data.get('utilization') or 0) * 100:.0f}"
    return _("The last request fills %(share)s %% of the window.") % {"share": share}


def _totals(data: Data) -> str:
    return _("%(done)s of %(total)s nodes done.") % _Words(data.get("totals") or {})


def _graph(data: Data) -> str:
    return _("The graph “%(name)s” began: %(count)s nodes.") % {
        "name": short(data.get("name") or _("Untitled")),
        "count": len(data["nodes"]) if "nodes" in data else _("many"),
    }


def _decided(data: Data) -> str:
    return _("A tool call was allowed.") if data.get("approved") else _("A tool call was denied.")


def _incomplete(data: Data) -> str:
    return _("The answer stops before its end: %(reason)s.") % _Words(data)


Saying = Callable[[Data], str] | Any
SAYS: dict[str, Saying] = {
    "session-created": gettext_lazy("The session began, with %(chosen)s."),
    "session-updated": _updated,
    "session-config-updated": _config,
    "session-deleted": gettext_lazy("The session was deleted."),
    "session-erased": gettext_lazy("What the session said was erased."),
    "session-imported": gettext_lazy("The log up to version %(upto)s was imported (%(source)s)."),
    "session-shared": gettext_lazy("Shared with user %(user_id)s as %(role)s."),
    "session-unshared": gettext_lazy("Not shared with user %(user_id)s any more."),
    "session-repriced": gettext_lazy("What was used before has another price: $%(estimated_cost)s in all."),
    "session-message-sent": gettext_lazy("Wrote to another session."),
    "retention-set": _kept,
    "plugin-state-changed": gettext_lazy("The plugin %(plugin)s changed its state."),
    "error-occurred": gettext_lazy("Something failed in %(source)s: %(error)s"),
    "message-added": _message,
    "message-updated": _message_updated,
    "conversation-started": _conversation,
    "conversation-updated": _conversation_updated,
    "token-metrics-updated": _tokens,
    "context-planned": _planned,
    "context-window-critical": _critical,
    "compaction-requested": gettext_lazy("The run summarises older messages instead of answering."),
    "run-requested": _requested,
    "run-input-changed": gettext_lazy("A waiting run is to answer: %(input)s"),
    "run-released": gettext_lazy("The run's turn has come."),
    "run-started": _started,
    "run-continued": gettext_lazy("The tools have answered; the model is asked again."),
    "run-requires-action": gettext_lazy("Tool calls wait for somebody's decision."),
    "run-tool-call-decided": _decided,
    "run-resumed": gettext_lazy("Everything is decided; a worker goes on."),
    "run-retrying": gettext_lazy("Tried again after %(delay)s s (%(code)s): %(error)s"),
    "run-cancel-requested": gettext_lazy("The run was told to stop."),
    "run-completed": gettext_lazy("The answer is complete (%(finish_reason)s)."),
    "run-incomplete": _incomplete,
    "run-failed": gettext_lazy("No answer: %(error)s"),
    "run-cancelled": gettext_lazy("Stopped before it said anything."),
    "run-interrupted": gettext_lazy("The answer was cut off by an accident."),
    "artifact-stored": gettext_lazy("“%(name)s” version %(version)s was kept (%(content_type)s)."),
    "artifact-deleted": gettext_lazy("A version of an artifact was removed."),
    "graph-started": _graph,
    "graph-advanced": _totals,
    "graph-cancel-requested": gettext_lazy("The graph was told to stop."),
    "graph-retried": gettext_lazy("What failed in the graph runs again."),
    "graph-ended": gettext_lazy("The graph ended: %(state)s."),
}
"""By type: words with an event's fields, or a function of them."""
