"""What roles of messages, states of graphs and decisions about tool calls are called. Called by templates."""

from django.utils.translation import gettext_lazy as _

NAMES = {
    "user": _("user"),
    "assistant": _("assistant"),
    "system": _("system"),
    "tool": _("tool"),
    "summary": _("summary"),
    "blocked": _("blocked"),
    "ready": _("ready"),
    "running": _("running"),
    "succeeded": _("succeeded"),
    "failed": _("failed"),
    "skipped": _("skipped"),
    "cancelled": _("cancelled"),
    "undecided": _("undecided"),
    "allowed": _("allowed"),
    "denied": _("denied"),
}


def called(word: str) -> str:
    """The word in the reader's language; one that is not known stays as it is."""
    return str(NAMES.get(word, word))
