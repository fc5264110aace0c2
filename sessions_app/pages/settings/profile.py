"""Who one is here, and one's password. Users are Django's: its own forms change them, and its signals tell the log."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import UserPassesTestMixin
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from sessions_app.pages.settings.base import PAGES, SettingsPage


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name and e-mail address."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = {"first_name": "given-name", "last_name": "family-name", "email": "email"}
        for name, kind in names.items():
            self.fields[name].widget.attrs["autocomplete"] = kind
        if settings.OIDC_ISSUER:  # an address decides there who may come in: nobody may claim another's
            del self.fields["email"]


class ProfilePage(SettingsPage):
    """`settings/`"""

    here = "settings"
    template = "settings/profile.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """What is known of the person."""
        return self.shown(request, form=ProfileForm(instance=_self(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep it."""
        form = ProfileForm(request.POST, instance=_self(request))
        if not form.is_valid():
            return self.shown(request, form=form, status=422)
        form.instance.save(update_fields=list(form.fields))  # and not the password that another tab has just changed
        messages.success(request, _("Your profile is saved."))
        return redirect("settings")


def _self(request: HttpRequest) -> User:
    """Read anew: what a form has refused must not stand in the header."""
    return User.objects.get(pk=int(request.user.pk or 0))


@method_decorator(never_cache, name="dispatch")
class PasswordPage(UserPassesTestMixin, PasswordChangeView):
    """`settings/password/`: Django's own view and form."""

    template_name = "settings/password.html"
    success_url = reverse_lazy("settings")
    extra_context = {"here": "settings", "pages": PAGES, "place": "settings"}

    def test_func(self) -> bool:
        """Who has no password has none to change."""
        return not self.request.user.is_authenticated or self.request.user.has_usable_password()

    def form_valid(self, form: Any) -> HttpResponse:
        """Changed; this browser stays logged in."""
        messages.success(self.request, _("Your password is changed."))
        return super().form_valid(form)
