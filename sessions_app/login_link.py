"""Links that log somebody in once, without a password: made by `make run`, opened at the page `enter`."""

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode


class LoginToken(PasswordResetTokenGenerator):
    """Good until the next login, a change of the password, or PASSWORD_RESET_TIMEOUT seconds."""

    key_salt = "sessions_app.login_link"  # a link to log in is no link to change a password

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        # Django's own leaves out the microseconds: a link used in the second in which it was made would stay good
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk} {user.password} {last} {timestamp}"


tokens = LoginToken()


def make_link(user: User) -> str:
    """The absolute address of a page that logs this user in, once."""
    parts = {"uidb64": urlsafe_base64_encode(force_bytes(user.pk)), "token": tokens.make_token(user)}
    return settings.PUBLIC_URL.rstrip("/") + reverse("enter", kwargs=parts)


def user_of_link(uidb64: str, token: str, *, lock: bool = False) -> User | None:
    """Whom a link logs in; None when it is wrong, used or too old.

    `lock` (inside a transaction): of two that use the same link at the same time, the second waits and gets None."""
    users = get_user_model().objects.filter(is_active=True)
    try:
        user = (users.select_for_update() if lock else users).get(pk=int(urlsafe_base64_decode(uidb64)))
    except (ValueError, OverflowError, get_user_model().DoesNotExist):
        return None
    return user if tokens.check_token(user, token) else None
