"""The settings of who may log in, and how. Part of `settings`."""

from datetime import timedelta

from config import env

SESSION_ENGINE = "config.logins"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "config.logins.Backend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "sessions"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_RESET_TIMEOUT = 3600  # also how long a login link is good for, in seconds
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LOGIN_FAILURES = env.number(
    "LOGIN_FAILURES", 5, "wrong passwords for a name, from one address, that shut the door to it", least=1
)
LOGIN_PAUSE = env.seconds("LOGIN_PAUSE", 900.0, "how long that door stays shut", least=1.0)
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(seconds=LOGIN_PAUSE)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # a name alone would let anybody shut anybody out
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "sessions_app.accounts.pages.shut"
AXES_CLIENT_IP_CALLABLE = "sessions_app.accounts.audit.client_of"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True  # each account's own log has it
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
