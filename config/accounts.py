"""The settings of who may log in, and how. Part of `settings`."""

SESSION_ENGINE = "config.logins"
AUTHENTICATION_BACKENDS = ["config.logins.Backend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "sessions"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_RESET_TIMEOUT = 3600  # also how long a login link is good for, in seconds
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
