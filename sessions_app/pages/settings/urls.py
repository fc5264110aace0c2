"""The addresses of the settings."""

from django.urls import path

from sessions_app.api.throttles import log_ins_counted
from sessions_app.pages.settings import log, looks, profile, tokens

urlpatterns = [
    path("", profile.ProfilePage.as_view(), name="settings"),
    path("password/", log_ins_counted(profile.PasswordPage.as_view()), name="settings-password"),
    path("tokens/", tokens.TokensPage.as_view(), name="settings-tokens"),
    path("tokens/<uuid:token_id>/revoke/", tokens.RevokeToken.as_view(), name="settings-token-revoke"),
    path("providers/", looks.ProvidersPage.as_view(), name="settings-providers"),
    path("display/", looks.DisplayPage.as_view(), name="settings-display"),
    path("log/", log.LogPage.as_view(), name="settings-log"),
]
