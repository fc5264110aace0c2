"""The published catalogue of problems: every `code`, its status, what it means and what to do. `docs/problems.md` and
the addresses `/problems/<code>` are made of it."""

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """One kind of problem."""

    status: int
    title: str
    meaning: str
    remedy: str


CATALOGUE: dict[str, Kind] = {
    "malformed": Kind(
        400,
        "Not acceptable JSON",
        "The body is no JSON, is nested too deeply, or holds what cannot be stored: NUL, lone surrogates, integers of "
        "more than 64 bits. Or the request itself is not one this server takes.",
        "Mend the request; repeating it is of no use.",
    ),
    "unauthenticated": Kind(
        401,
        "Log in first",
        "There is no login and no token, or what there was has ended.",
        "Log in, or send a token that is valid: `Authorization: Bearer …`.",
    ),
    "budget-exhausted": Kind(
        402,
        "The budget is used up",
        "What this would cost does not fit in what is left of a budget: the run's own, the session's or yours.",
        "Ask for less, raise the budget, or wait for its next period.",
    ),
    "forbidden": Kind(
        403,
        "You may not do this",
        "You are known, but this is not yours to do: a token without the scope, a right to read only, a write without "
        "the CSRF token.",
        "Use a login or token that may.",
    ),
    "not-found": Kind(
        404,
        "Not found",
        "There is nothing at this address, or it is somebody else's: the answer is the same.",
        "Look at the id.",
    ),
    "method-not-allowed": Kind(
        405, "Method not allowed", "The address does not take this method.", "The header `Allow` lists those it takes."
    ),
    "not-acceptable": Kind(
        406, "Not acceptable", "`Accept` asks for a type that this address does not give.", "Accept application/json."
    ),
    "timeout": Kind(
        408, "Timeout", "The body did not arrive in time.", "Send it again, over a faster line or in smaller parts."
    ),
    "already-exists": Kind(
        409, "Already exists", "Something with this id is there already.", "Read it, or choose another id."
    ),
    "version-conflict": Kind(
        409,
        "The session has moved on",
        "`expected_version` is not the session's version any more; `current_version` is.",
        "Read the session again and decide anew.",
    ),
    "session-busy": Kind(
        409,
        "Another run is at work",
        "The run was asked for with `on_busy: reject`, and the conversation is being answered.",
        "Wait for that run, or ask with `enqueue` or `interrupt`.",
    ),
    "run-ended": Kind(409, "The run has ended", "What has ended cannot be changed.", "Begin another run."),
    "run-not-ready": Kind(
        409,
        "The run is not in such a state",
        "The run's state does not allow this.",
        "Read the run; `docs/protocol.md` has the table of states.",
    ),
    "graph-ended": Kind(409, "The graph has ended", "What has ended cannot be changed.", "Retry it, or begin another."),
    "graph-not-ready": Kind(
        409, "The graph is not in such a state", "The graph's state does not allow this.", "Read the graph."
    ),
    "conversation-archived": Kind(
        409, "The conversation is archived", "It takes no messages and no runs.", "Take it back: `is_archived: false`."
    ),
    "tool-call-open": Kind(
        409,
        "A tool call would be parted from its result",
        "A fork here would leave a call without its result.",
        "Fork at the message with the result, or before the call.",
    ),
    "idempotency-in-progress": Kind(
        409,
        "This key belongs to a queued command",
        "A worker is still to do, or doing, what was asked for with this Idempotency-Key.",
        "Ask `commands/{id}/` for its state.",
    ),
    "quota-exhausted": Kind(
        409, "No room for more artifacts", "The room for artifacts is used up.", "Delete artifacts that are not needed."
    ),
    "plugin-disabled": Kind(
        409, "The plugin is switched off", "The command belongs to a plugin that is off.", "Ask an operator."
    ),
    "too-many-hops": Kind(
        409,
        "Sessions have passed this on too often",
        "A message went from session to session more often than is allowed.",
        "Answer it here.",
    ),
    "stream-expired": Kind(
        410,
        "The stream is gone",
        "The log does not go on from the position you have: it was pruned, or restored from an older copy.",
        "Forget what you have, read the session anew, and go on from its version.",
    ),
    "length-required": Kind(
        411, "Length required", "This process does not read bodies in chunks.", "Send a Content-Length."
    ),
    "precondition-failed": Kind(
        412,
        "The precondition does not hold",
        "The session is not at the version that If-Match names; `current_version` is.",
        "Read it again and decide anew.",
    ),
    "too-large": Kind(413, "Too large", "The body is larger than this server takes.", "Send less."),
    "unsupported-media-type": Kind(
        415, "Send application/json", "The body is of a type that this address does not take.", "Send application/json."
    ),
    "validation-failed": Kind(
        422,
        "A field is not acceptable",
        "A field or a parameter is missing, unknown or of the wrong kind; `errors` names it where that is known.",
        "Mend the request; repeating it is of no use.",
    ),
    "unknown-command": Kind(
        422, "Unknown command", "There is no such public command.", "`docs/bus-map.md` lists them."
    ),
    "unknown-tool": Kind(422, "There is no such tool", "A tool that was named is not there.", "Name tools that are."),
    "template-failed": Kind(
        422,
        "A template cannot be rendered",
        "The template is not of the language, or names what is undefined.",
        "`detail` says where.",
    ),
    "idempotency-mismatch": Kind(
        422,
        "This key was used with another body",
        "An Idempotency-Key stands for one request, for 24 hours.",
        "Use a new key for a new request.",
    ),
    "capability-missing": Kind(
        422, "The model cannot do this", "The model takes no images or no tools.", "Choose another model."
    ),
    "context-overflow": Kind(
        422,
        "It does not fit into the model's window",
        "What must be sent is more than the model takes.",
        "Say less, unpin messages, or choose a model with a larger window.",
    ),
    "fork-too-deep": Kind(422, "Too many forks of forks", "Forks can be so deep and no deeper.", "Fork higher up."),
    "content-mismatch": Kind(
        422,
        "The content is not what it is said to be",
        "The bytes are not of the type that was named.",
        "Name the type that they are, or application/octet-stream.",
    ),
    "precondition-required": Kind(
        428,
        "If-Match is required",
        "A change must say which version it changes.",
        "Send the ETag of your last read as If-Match.",
    ),
    "rate-limited": Kind(
        429,
        "Too many requests",
        "You have asked more often than is allowed; nothing was done.",
        "Wait as long as `Retry-After` says.",
    ),
    "internal-error": Kind(
        500, "Something failed here", "A failure of the server's own; it has been logged.", "Report `request_id`."
    ),
    "provider-error": Kind(
        502,
        "The model's provider failed",
        "The provider answered with an error, or not as it should.",
        "Try again, or choose another model.",
    ),
    "unavailable": Kind(
        503,
        "Unavailable right now",
        "The server is at its limit, stops, or cannot reach what it needs.",
        "Try again after `Retry-After`, or in a second; with an Idempotency-Key nothing happens twice.",
    ),
    "provider-timeout": Kind(
        504, "The model's provider did not answer in time", "The provider was silent for too long.", "Try again."
    ),
}


def title_of(code: str) -> str:
    """The title of a code; of one that is not in the catalogue the code itself."""
    return CATALOGUE[code].title if code in CATALOGUE else code


def shown(code: str) -> dict[str, Any]:
    """A kind of problem as JSON. Raises KeyError."""
    return {"type": f"/problems/{code}", "code": code, **CATALOGUE[code]._asdict()}


def as_markdown() -> str:
    """The whole catalogue as a page."""
    head = ["# Problems", "", "Generated by `make docs`; do not edit.", ""]
    says = (
        "Every refusal is `application/problem+json` (RFC 9457): `type title status detail instance code request_id`, "
        "and `errors: [{pointer, detail}]` for fields. `code` is stable; `type` is the address `/problems/<code>`, "
        "which answers with what stands here."
    )
    rows = [
        f"| `{code}` | {kind.status} | {kind.meaning} | {kind.remedy} |" for code, kind in sorted(CATALOGUE.items())
    ]
    table = ["| code | status | what it means | what to do |", "| --- | --- | --- | --- |", *rows]
    return "\n".join([*head, says, "", *table, ""])
