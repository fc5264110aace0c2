"""Refusals as OpenAI words them: `{"error": {message, type, param, code}}`, with the status its clients expect.

After https://platform.openai.com/docs/guides/error-codes."""

from typing import Any

from bus.exceptions import Refused

WRONG = "invalid_request_error"
SERVER = "server_error"
QUOTA = "insufficient_quota"

PROBLEMS: dict[str, tuple[int, str, str]] = {
    "unauthenticated": (401, WRONG, "invalid_api_key"),
    "context-overflow": (400, WRONG, "context_length_exceeded"),
    "budget-exhausted": (429, QUOTA, QUOTA),
    "quota-exhausted": (429, QUOTA, QUOTA),
    "rate-limited": (429, "rate_limit_error", "rate_limit_exceeded"),
}
"""Codes of problems that OpenAI has a name for: status, type, code. All others keep theirs."""

RUNS: dict[str, tuple[int, str, str]] = PROBLEMS | {
    "refused": (400, WRONG, "provider_refused"),
    "unknown-tool": (400, WRONG, "unknown_tool"),
    "capability-missing": (400, WRONG, "capability_missing"),
    "cancelled": (409, WRONG, "run_cancelled"),
    "authentication": (502, SERVER, "provider_authentication"),
    "unavailable": (502, SERVER, "provider_unavailable"),
    "network": (502, SERVER, "provider_unreachable"),
    "malformed": (502, SERVER, "provider_malformed"),
    "interrupted": (502, SERVER, "run_interrupted"),
    "not-configured": (503, SERVER, "provider_not_configured"),
    "timeout": (504, SERVER, "timeout"),
}
"""The same for how runs end: by the code of their error."""


class FrontError(Refused):
    """An answer that is an error. `final`: another try would not help, whatever its status."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = WRONG,
        code: str | None = None,
        param: str | None = None,
        final: bool = False,
    ) -> None:
        super().__init__(message)
        self.answered = status
        self.final = final
        self.body: dict[str, Any] = {"error": {"message": message, "type": kind, "param": param, "code": code}}


def wrong(message: str, param: str | None, code: str | None = None) -> FrontError:
    """Something in the request that cannot be taken; `param` is where."""
    return FrontError(message, param=param, code=code)


def no_model(name: str) -> FrontError:
    """There is no such model."""
    message = f"The model {name[:200]!r} does not exist; models are named provider:model."
    return FrontError(message, status=404, code="model_not_found", param="model")


def of_problem(problem: dict[str, Any]) -> FrontError:
    """What a problem document says."""
    code, status = str(problem["code"]), int(problem["status"])
    usual = (400 if status == 422 else status, SERVER if status >= 500 else WRONG, code.replace("-", "_"))
    status, kind, code = PROBLEMS.get(code, usual)
    return FrontError(str(problem["detail"]), status=status, kind=kind, code=code)


def of_run(code: str, detail: str) -> FrontError:
    """Why a run came to no answer."""
    status, kind, code = RUNS.get(code, (500, SERVER, code.replace("-", "_")))
    return FrontError(detail, status=status, kind=kind, code=code, final=True)
