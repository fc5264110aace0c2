"""All settings, with those of `answers`, `artifacts` and `bus`. Every environment variable is typed, documented, and
refused loudly when wrong."""

import secrets
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.accounts import *  # noqa: F403  (all of them are settings)
from config.answers import *  # noqa: F403
from config.artifacts import *  # noqa: F403
from config.artifacts import ARTIFACT_MAX_BYTES, storages
from config.broker import celery_url
from config.bus import *  # noqa: F403
from config.console import *  # noqa: F403
from config.contract import *  # noqa: F403
from config.embedded import EmbeddedServers
from config.embedded.folders import create_folders, publish
from config.exchange import *  # noqa: F403
from config.oidc import *  # noqa: F403
from config.oidc import OIDC_APPS, OIDC_MIDDLEWARE, OIDC_ORIGIN
from config.safety import refuse_unsafe

BASE_DIR = Path(__file__).resolve().parent.parent
PROMPTS_FOLDER = Path(
    env.text(
        "PROMPTS_FOLDER",
        str(BASE_DIR / "templates" / "prompts"),
        "folder of named prompts: <name>/user.txt, system.txt, description.txt",
        shown="templates/prompts/",
    )
)
VAR = Path(env.text("PARLEY_VAR", str(BASE_DIR / "var"), "folder for data made at run time", shown="var/"))


def _kept_secret(path: Path) -> str:
    """A random secret made once and kept: sessions survive a restart without anybody having to choose one."""
    if not path.exists():
        create_folders(path.parent)
        publish(path, secrets.token_urlsafe(50))
    return path.read_text()


# -- where the servers are -----------------------------------------------------------------------------------------

_DATABASE_URL = env.text("DATABASE_URL", "", "PostgreSQL 15 or later; unset: an embedded one under var/")
_REDIS_URL = env.text("REDIS_URL", "", "Redis 6.2 or later; unset: an embedded one under var/")
REDIS_PREFIX = env.text("REDIS_PREFIX", "parley", "names our keys and queues; servers sharing one Redis need their own")
EMBEDDED = EmbeddedServers(VAR / "embedded", postgres=not _DATABASE_URL, redis=not _REDIS_URL)
DATABASE_URL = _DATABASE_URL or EMBEDDED.database_url
REDIS_URL = _REDIS_URL or EMBEDDED.redis_url

IDLE_TRANSACTION = env.seconds("DATABASE_IDLE_TRANSACTION", 30.0, "PostgreSQL ends transactions idle for so long")
DATABASE_IDLE = env.seconds("DATABASE_IDLE", 30.0, "a pool gives up one unused connection in this time", least=1.0)
DATABASE_PREPARE = env.boolean(
    "DATABASE_PREPARE", True, "statements are prepared once per connection; false behind a pooler that lends them out"
)
DATABASES: dict[str, dict[str, Any]] = {"default": {**dj_database_url.parse(DATABASE_URL)}}
if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be a postgres:// URL: Parley relies on PostgreSQL's row locks.")
DATABASES["default"] |= {
    "CONN_MAX_AGE": 0,  # under ASGI a kept connection leaks; the pool below keeps them instead
    "ENGINE": "config.database",  # its pool hands out no connection that a restart of PostgreSQL has cut
    "OPTIONS": {
        # a process that stands still in a transaction must not hold a session's row for ever
        "options": f"-c idle_in_transaction_session_timeout={int(IDLE_TRANSACTION * 1000)}",
        # only what asks to be is prepared (`bus.sql`); Django's None forbids even that
        "prepare_threshold": 1_000_000 if DATABASE_PREPARE else None,
        **DATABASES["default"].get("OPTIONS", {}),
        "pool": {
            "min_size": 1,
            "max_size": env.number("DATABASE_POOL", 20, "database connections of one process", least=2),
            "max_idle": DATABASE_IDLE,
            "timeout": env.seconds("DATABASE_POOL_TIMEOUT", 5.0, "longest wait for a connection before answering 503"),
        },
    },
}

# -- security ------------------------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", False, "Django's debug pages; never on a server others can reach")
SECRET_KEY = env.text("SECRET_KEY", "", "signs sessions; unset: made once and kept under var/") or _kept_secret(
    VAR / "secret_key"
)
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000", "the address people use, with scheme and port")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in ("http", "https") or not _public.hostname:
    raise ImproperlyConfigured(f"PUBLIC_URL is {PUBLIC_URL!r}; write it like https://parley.example.org")
refuse_unsafe(PUBLIC_URL, debug=DEBUG, secret=SECRET_KEY)
_local = ["localhost", "127.0.0.1", "[::1]"] if _public.hostname in ("localhost", "127.0.0.1") else []
ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS",
    list(dict.fromkeys([_public.hostname, *_local])),
    "host names that requests may be addressed to",
    shown="the host of PUBLIC_URL",
)
_port = f":{_public.port}" if _public.port else ""
ALLOWED_ORIGINS = env.words(
    "ALLOWED_ORIGINS",
    [f"{_public.scheme}://{host}{_port}" for host in dict.fromkeys([_public.hostname, *_local])],
    "full origins whose pages may open a WebSocket with a cookie",
    shown="the origin of PUBLIC_URL",
)
if any("*" in name for name in (*ALLOWED_ORIGINS, *ALLOWED_HOSTS)):
    raise ImproperlyConfigured("ALLOWED_HOSTS and ALLOWED_ORIGINS must name hosts; '*' would let other pages in.")
if not all(origin.startswith(("http://", "https://")) for origin in ALLOWED_ORIGINS):
    raise ImproperlyConfigured("ALLOWED_ORIGINS are full origins, such as https://parley.example.org")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
_https = _public.scheme == "https"
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https")
    if env.boolean("TRUST_PROXY", False, "believe X-Forwarded-Proto; only behind a proxy that sets it")
    else None
)
SECURE_SSL_REDIRECT = False  # the proxy that ends TLS does this
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:"],  # pictures that were chosen and are not sent yet
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF, *filter(None, [OIDC_ORIGIN])],
        "frame-ancestors": [NONE],
    },
}
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # TLS redirect: see SECURE_SSL_REDIRECT
BODY_LIMIT = env.number("BODY_LIMIT", 1_048_576, "largest request body, in bytes", least=1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT
UPLOAD_LIMIT = max(BODY_LIMIT, ARTIFACT_MAX_BYTES + 65_536)  # with the form around the file
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # more of an upload is spooled to a file
FILE_UPLOAD_TEMP_DIR = str(VAR / "uploads")  # not /tmp, which may lie in memory
create_folders(VAR / "uploads")
DATA_UPLOAD_MAX_NUMBER_FILES = 4
STORAGES = storages(VAR / "artifacts")
BODY_TIMEOUT = env.seconds("BODY_TIMEOUT", 20.0, "longest time a request's body may take to arrive", least=0.1)
MAX_CONCURRENT_REQUESTS = env.number(
    "MAX_CONCURRENT_REQUESTS", 64, "requests at work in one process before 503", least=1
)

# -- the application -----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),  # the development server; 24 MB that `serve` does not need
    "unfold.apps.BasicAppConfig",
    "sessions_app.console.apps.ConsoleConfig",  # Django's admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular_sidecar",
    "csp",
    "corsheaders",
    "django_htmx",
    "config",
    "bus",
    "sessions_app",
    *OIDC_APPS,
    "axes",  # after ours: what fails is written down before it may shut the door
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.ContentSecurityPolicyMiddleware",
    "config.middleware.RequestIdMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "config.middleware.SessionCookieMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.LocaleOfPagesMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    *OIDC_MIDDLEWARE,
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sessions_app.pages.theme.theme",
            ],
        },
    },
]
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        f"sessions_app.api.authentication.{name}" for name in ("BearerAuthentication", "SessionAuthentication")
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "sessions_app.api.authentication.HasScope",
    ],
    "DEFAULT_PARSER_CLASSES": ["sessions_app.api.parsers.HardenedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["sessions_app.api.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "sessions_app.api.description.openapi.DescribedSchema",
    "EXCEPTION_HANDLER": "sessions_app.api.problems.as_problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

# -- the bus -------------------------------------------------------------------------------------------------------

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "bus.live.layer.PipelinedRedisPubSubChannelLayer",
        # below 5 s redis-py 8 closes idle readers
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}], "prefix": REDIS_PREFIX},
    },
}
METRICS_OPEN = env.boolean("METRICS_OPEN", False, "answer /metrics to anyone, not only to staff; on a private network")
OTEL_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT", "", "send traces there; unset: no traces")

WORKER_THREADS = env.number("WORKER_THREADS", 16, "Celery threads of one worker process", least=1)
CELERY = {
    "broker_url": celery_url(REDIS_URL),
    "broker_transport_options": {"socket_timeout": 15, "socket_connect_timeout": 3, "retry_on_timeout": True},
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "task_acks_late": False,  # recovery is the lease's; a late ack runs long tasks several times over
    "worker_disable_prefetch": True,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "worker_send_task_events": False,
    "worker_pool": "threads",
    "worker_concurrency": WORKER_THREADS,
    "worker_enable_remote_control": False,
    "task_default_queue": REDIS_PREFIX,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.redaction.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO", "least severity that is logged")},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "anthropic": {"level": "INFO"},  # at DEBUG they write down what people say to their models
        "openai": {"level": "INFO"},
    },
}
