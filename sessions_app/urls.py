"""The addresses of the browser's pages."""

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path
from django.views.generic import RedirectView

from sessions_app.api.description.views import problem_page
from sessions_app.api.throttles import log_ins_counted
from sessions_app.pages import context, graphs, log, login, session, sessions

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="sessions"), name="home"),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}parley/favicon.svg")),  # the admin names none
    path("sessions/", sessions.SessionsPage.as_view(), name="sessions"),
    path("sessions/<uuid:session_id>/", session.SessionPage.as_view(), name="session"),
    path("sessions/<uuid:session_id>/graphs/", graphs.GraphsPage.as_view(), name="graphs"),
    path("sessions/<uuid:session_id>/graphs/<uuid:graph_id>/", graphs.GraphPage.as_view(), name="graph"),
    path("sessions/<uuid:session_id>/log/", log.LogPage.as_view(), name="log"),
    path("sessions/<uuid:session_id>/context/", context.ContextPage.as_view(), name="context"),
    path("problems/<slug:code>", problem_page, name="problem"),
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
