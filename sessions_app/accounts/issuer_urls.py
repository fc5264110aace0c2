"""The addresses of logins through an issuer: there and back, and one page for whoever comes back and is not let in."""

from django.urls import include, path

from sessions_app.accounts.pages import not_let_in

urlpatterns = [
    path("oidc/inactive/", not_let_in, name="account_inactive"),
    path("oidc/cancelled/", not_let_in, name="socialaccount_login_cancelled"),
    path("oidc/refused/", not_let_in, name="socialaccount_signup"),
    path("", include("allauth.socialaccount.providers.openid_connect.urls")),
]
