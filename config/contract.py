"""The settings of the REST contract: its description, and who may ask from where and how often. Part of `settings`."""

import re

from django.core.exceptions import ImproperlyConfigured

from config import env

SPECTACULAR_SETTINGS = {
    "TITLE": "Parley",
    "DESCRIPTION": "Sessions with language models, on a durable, replayable bus of messages.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": True,
    "POSTPROCESSING_HOOKS": [],
    "GET_MOCK_REQUEST": "sessions_app.api.description.openapi.no_request",
}


def checked_origins(origins: list[str]) -> list[str]:
    """The same. Raises ImproperlyConfigured for what is no origin."""
    if not all(re.fullmatch(r"https?://[^/*\s]+", origin) for origin in origins):
        raise ImproperlyConfigured("CORS_ORIGINS are full origins, such as https://app.example.org: no '*', no path.")
    return origins


RATES = {
    "reads": env.number("RATE_READS", 60_000, "reads that one user may ask for in a minute, also at once; 0: any"),
    "writes": env.number("RATE_WRITES", 60_000, "writes, likewise"),
    "runs": env.number("RATE_RUNS", 6_000, "requests that begin runs and graphs, likewise"),
    "logins": env.number("RATE_LOGINS", 60, "log-ins that may be tried from one address in a minute; 0: any"),
}
RATE_TIMEOUT = env.seconds("RATE_TIMEOUT", 0.25, "longest wait for Redis to count a request", least=0.01)
RATE_PAUSE = env.seconds("RATE_PAUSE", 5.0, "how long each process then counts alone before it asks Redis again")
CORS_ALLOWED_ORIGINS = checked_origins(
    env.words(
        "CORS_ORIGINS", [], "full origins whose pages may call the API with a token; their cookies are never taken"
    )
)
CORS_URLS_REGEX = r"^/(api|openai)/"
CORS_ALLOW_CREDENTIALS = False
CORS_EXPOSE_HEADERS = ["ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"]
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "if-range"),
    *("last-event-id", "prefer", "range", "x-request-id"),
]
CORS_PREFLIGHT_MAX_AGE = 600
