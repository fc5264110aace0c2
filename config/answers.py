"""The settings of answers: providers and their keys, what a run may take, how it is streamed; and of event streams.
Part of `settings`."""

from django.core.exceptions import ImproperlyConfigured

from config import env

LLM_PROVIDERS = {
    "echo": "sessions_app.llm.providers.echo.EchoProvider",
    "openai": "sessions_app.llm.providers.openai.OpenAIProvider",
    "anthropic": "sessions_app.llm.providers.anthropic.AnthropicProvider",
    "pydantic_ai": "sessions_app.llm.providers.pydantic_ai.PydanticAIProvider",
}
LLM_KEYS = {
    "openai": env.text("OPENAI_API_KEY", "", "key for OpenAI, unless one is saved in the admin", shown=""),
    "anthropic": env.text("ANTHROPIC_API_KEY", "", "key for Anthropic, unless one is saved in the admin", shown=""),
}
LLM_BASE_URLS = {
    "openai": env.text(
        "OPENAI_BASE_URL", "", "a server compatible with OpenAI's, such as http://localhost:11434/v1; it may be private"
    ),
    "anthropic": env.text("ANTHROPIC_BASE_URL", "", "a server compatible with Anthropic's; it may be private"),
}
DEFAULT_MODEL = env.text(
    "DEFAULT_MODEL", "", "what the form for a new session begins with, as provider:model, such as openai:gpt-4o-mini"
)


def model_problem(named: str) -> str:
    """What is wrong with a DEFAULT_MODEL; empty: nothing."""
    provider, _, model = named.partition(":")
    if not named or (provider in LLM_PROVIDERS and model):
        return ""
    return f"DEFAULT_MODEL is {named!r}; write provider:model, with one of {', '.join(LLM_PROVIDERS)}."


if model_problem(DEFAULT_MODEL):
    raise ImproperlyConfigured(model_problem(DEFAULT_MODEL))
EMBEDDER_URL = env.text(
    "EMBEDDER_URL", "", "a server with OpenAI's embeddings, such as https://api.openai.com/v1; it may be private"
)
EMBEDDER_MODEL = env.text("EMBEDDER_MODEL", "text-embedding-3-small", "the model that is asked there")
EMBEDDER_KEY = env.text("EMBEDDER_KEY", "", "the key for it", shown="")
EMBEDDER_TIMEOUT = env.seconds("EMBEDDER_TIMEOUT", 5.0, "longest wait for its answer", least=0.1)
LLM_ALLOWED_HOSTS = env.hosts(
    "LLM_ALLOWED_HOSTS",
    [],
    "model servers at private addresses or without TLS that may be used, as host:port",
    of=[*LLM_BASE_URLS.values(), EMBEDDER_URL],
)
LLM_CONNECT_TIMEOUT = env.seconds("LLM_CONNECT_TIMEOUT", 10.0, "longest wait for a provider's connection", least=0.1)
LLM_SILENCE_TIMEOUT = env.seconds("LLM_SILENCE_TIMEOUT", 300.0, "longest silence of a provider", least=0.1)
PROVIDER_KEY_SECRETS = env.words(
    "PROVIDER_KEY_SECRETS",
    [],
    "secrets that encrypt saved keys: the first one new ones, all of them read; unset: SECRET_KEY",
)
RUN_TIMEOUT = env.seconds("RUN_TIMEOUT", 600.0, "longest time an answer may take", least=1.0)
RUN_CONCURRENCY = env.number("RUN_CONCURRENCY", 200, "answers at work in one worker process", least=1)
RUN_MAX_CHARACTERS = env.number("RUN_MAX_CHARACTERS", 1_000_000, "longest text of one answer; it is cut off", least=1)
RUN_MAX_STEPS = env.number("RUN_MAX_STEPS", 20, "rounds of tool calls in one answer", least=1)
RUN_RETRY_PAUSE = env.seconds("RUN_RETRY_PAUSE", 2.0, "pause before a failed request is tried again; it doubles")
RUN_CANCEL_POLL = env.seconds("RUN_CANCEL_POLL", 0.5, "how often a worker looks for cancelled runs", least=0.05)
RUN_GRACE = env.seconds("RUN_GRACE", 25.0, "how long a worker that stops lets its answers go on")
RUN_HANDOVER = env.seconds("RUN_HANDOVER", 5.0, "how long it then takes to hand them back")
GRAPH_MOST_RUNNING = env.number(
    "GRAPH_MOST_RUNNING", 200, "nodes of graphs at work in the whole server; others wait", least=1
)
CONTEXT_STRATEGY = env.text(
    "CONTEXT_STRATEGY", "truncate", "what is left out of a conversation that outgrows the window, unless a session says"
)
if CONTEXT_STRATEGY not in ("truncate", "summarize", "relevance", "adaptive"):
    raise ImproperlyConfigured("CONTEXT_STRATEGY is truncate, summarize, relevance or adaptive.")
DELTA_INTERVAL = env.seconds("DELTA_INTERVAL", 0.04, "pieces of an answer within this time are shown together")
CHUNK_INTERVAL = env.seconds("CHUNK_INTERVAL", 0.5, "how often the text of streaming answers is stored", least=0.05)
STREAM_HEARTBEAT = env.seconds(
    "STREAM_HEARTBEAT", 15.0, "an event stream that has nothing to say sends a comment so often", least=0.05
)
STREAM_RETRY = env.seconds("STREAM_RETRY", 2.0, "readers of event streams that were cut off come back after this")
MAX_STREAMS = env.number("MAX_STREAMS", 2000, "event streams one process sends at a time, before 503 (ASGI)", least=1)
STREAMS_PER_USER = env.number("STREAMS_PER_USER", 64, "of these, how many of one user, before 429", least=1)
RETENTION_DAYS = env.number(
    "RETENTION_DAYS", 0, "days without a change after which a session is erased, unless it or its owner says; 0: never"
)
MESSAGE_HOPS = env.number(
    "MESSAGE_HOPS", 5, "how often sessions may pass a message on before they are stopped", least=1
)
