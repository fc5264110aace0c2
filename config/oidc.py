"""The settings of logins through an OpenID Connect issuer. Without OIDC_ISSUER nothing of `allauth` is loaded and none
of its addresses exists. Part of `settings`."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.safety import is_here

OIDC_ISSUER = env.text(
    "OIDC_ISSUER", "", "OpenID Connect issuer that may say who logs in; unset: passwords and links only"
)
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID", "", "what the issuer calls this server")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET", "", "what proves it to the issuer", shown="")
OIDC_ORIGIN = ""
OIDC_APPS: list[str] = []
OIDC_MIDDLEWARE: list[str] = []

if OIDC_ISSUER:
    _issuer = urlsplit(OIDC_ISSUER)
    if not _issuer.hostname or (_issuer.scheme != "https" and not is_here(_issuer.hostname)):
        raise ImproperlyConfigured(f"OIDC_ISSUER is {OIDC_ISSUER!r}; write it like https://login.example.org")
    if not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
        raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.")
    OIDC_ORIGIN = f"{_issuer.scheme}://{_issuer.netloc}"
    OIDC_APPS = [
        *("allauth", "allauth.account", "allauth.socialaccount"),
        "allauth.socialaccount.providers.openid_connect",
    ]
    OIDC_MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]

ACCOUNT_EMAIL_VERIFICATION = SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_ONLY = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # an issuer's word on an address opens no account that was made here
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "issuer",
                "name": "issuer",
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_ISSUER.rstrip("/")},
            }
        ],
    }
}
