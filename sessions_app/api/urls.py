"""The REST addresses, under `/api/v1/`."""

from django.urls import path, re_path

from sessions_app.api import logs, views
from sessions_app.api.problems import no_such_address

urlpatterns = [
    path("sessions/", views.SessionsView.as_view(), name="api-sessions"),
    path("sessions/<uuid:session_id>/", views.SessionView.as_view(), name="api-session"),
    path("sessions/<uuid:session_id>/messages/", views.MessagesView.as_view(), name="api-messages"),
    path("sessions/<uuid:session_id>/messages/<uuid:message_id>/", views.MessageView.as_view(), name="api-message"),
    path("sessions/<uuid:session_id>/metrics/", views.MetricsView.as_view(), name="api-metrics"),
    path("sessions/<uuid:session_id>/events/", logs.EventsView.as_view(), name="api-events"),
    path("sessions/<uuid:session_id>/state/", logs.StateView.as_view(), name="api-state"),
    path("runs/<uuid:run_id>/", views.RunView.as_view(), name="api-run"),
    path("commands/", logs.CommandsView.as_view(), name="api-commands"),
    path("commands/<uuid:command_id>/", logs.CommandView.as_view(), name="api-command"),
    re_path(r"", no_such_address),
]
