"""The addresses of the browser's pages."""

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from sessions_app.api.description.views import problem_page
from sessions_app.api.throttles import log_ins_counted
from sessions_app.pages import asked, changes, edit, graphs, login, session, sessions, theme

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="sessions"), name="home"),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}parley/favicon.svg")),  # the admin names none
    path("sessions/", sessions.SessionsPage.as_view(), name="sessions"),
    path("sessions/change/", changes.ChangePage.as_view(), name="sessions-change"),
    path("sessions/<uuid:session_id>/edit/", edit.EditPage.as_view(), name="session-edit"),
    path("sessions/<uuid:session_id>/leave/", changes.LeavePage.as_view(), name="session-leave"),
    path("sessions/<uuid:session_id>/", session.SessionPage.as_view(), name="session"),
    path("sessions/<uuid:session_id>/branches/", asked.BranchesPart.as_view(), name="session-branches"),
    path("sessions/<uuid:session_id>/model/", asked.ModelPart.as_view(), name="session-model"),
    path("sessions/<uuid:session_id>/sharing/", asked.SharingPart.as_view(), name="session-sharing"),
    path("sessions/<uuid:session_id>/graphs/", graphs.GraphsPage.as_view(), name="graphs"),
    path("sessions/<uuid:session_id>/graphs/<uuid:graph_id>/", graphs.GraphPage.as_view(), name="graph"),
    path("problems/<slug:code>", problem_page, name="problem"),
    path("settings/", include("sessions_app.pages.settings.urls")),
    path("language/", set_language, name="set_language"),
    path("theme/", theme.ThemePage.as_view(), name="theme"),
    path(
        "login/",
        log_ins_counted(
            LoginView.as_view(redirect_authenticated_user=True, extra_context={"issuer": settings.OIDC_ISSUER})
        ),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("enter/<str:uidb64>/<str:token>/", login.EnterPage.as_view(), name="enter"),
]
