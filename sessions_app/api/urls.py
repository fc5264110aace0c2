"""The REST addresses, under `/api/v1/`."""

from django.urls import path, re_path

from sessions_app.api import (
    artifacts,
    conversations,
    erasure,
    graphs,
    history,
    logs,
    prompts,
    run_streams,
    runs,
    shares,
    tokens,
    views,
)
from sessions_app.api.problems import no_such_address

urlpatterns = [
    path("sessions/", views.SessionsView.as_view(), name="api-sessions"),
    path("sessions/<uuid:session_id>/", views.SessionView.as_view(), name="api-session"),
    path("sessions/<uuid:session_id>/messages/", views.MessagesView.as_view(), name="api-messages"),
    path("sessions/<uuid:session_id>/messages/<uuid:message_id>/", views.MessageView.as_view(), name="api-message"),
    path(
        "sessions/<uuid:session_id>/messages/<uuid:message_id>/regenerate/",
        conversations.ForkingView.as_view(command="regenerate-message"),
        name="api-message-regenerate",
    ),
    path(
        "sessions/<uuid:session_id>/messages/<uuid:message_id>/edit/",
        conversations.ForkingView.as_view(command="edit-message"),
        name="api-message-edit",
    ),
    path(
        "sessions/<uuid:session_id>/conversations/",
        conversations.ConversationsView.as_view(),
        name="api-conversations",
    ),
    path(
        "sessions/<uuid:session_id>/conversations/<uuid:conversation_id>/",
        conversations.ConversationView.as_view(),
        name="api-conversation",
    ),
    path("sessions/<uuid:session_id>/history/", history.HistoryView.as_view(), name="api-history"),
    path("sessions/<uuid:session_id>/metrics/", views.MetricsView.as_view(), name="api-metrics"),
    path("sessions/<uuid:session_id>/events/", logs.EventsView.as_view(), name="api-events"),
    path("sessions/<uuid:session_id>/state/", logs.StateView.as_view(), name="api-state"),
    path("sessions/<uuid:session_id>/runs/", runs.RunsView.as_view(), name="api-runs"),
    path("sessions/<uuid:session_id>/context/plan/", runs.ContextView.as_view(), name="api-context-plan"),
    path("sessions/<uuid:session_id>/context/count/", runs.ContextView.as_view(counts=True), name="api-context-count"),
    path("sessions/<uuid:session_id>/erasure/", erasure.ErasureView.as_view(), name="api-erasure"),
    path("sessions/<uuid:session_id>/shares/", shares.SharesView.as_view(), name="api-shares"),
    path("sessions/<uuid:session_id>/shares/<int:user_id>/", shares.ShareView.as_view(), name="api-share"),
    path("runs/<uuid:run_id>/", runs.RunView.as_view(), name="api-run"),
    path("runs/<uuid:run_id>/cancel/", runs.RunActionView.as_view(command="cancel-run"), name="api-run-cancel"),
    path(
        "runs/<uuid:run_id>/retry/",
        runs.RunActionView.as_view(command="retry-run", begins_another=True),
        name="api-run-retry",
    ),
    path(
        "runs/<uuid:run_id>/continue/",
        runs.RunActionView.as_view(command="continue-run", begins_another=True),
        name="api-run-continue",
    ),
    path(
        "runs/<uuid:run_id>/decisions/",
        runs.RunActionView.as_view(command="decide-tool-call"),
        name="api-run-decisions",
    ),
    path("runs/<uuid:run_id>/stream/", run_streams.RunStreamView.as_view(), name="api-run-stream"),
    path("sessions/<uuid:session_id>/artifacts/", artifacts.ArtifactsView.as_view(), name="api-artifacts"),
    path("artifacts/<uuid:artifact_id>/", artifacts.ArtifactView.as_view(), name="api-artifact"),
    path("artifacts/<uuid:artifact_id>/content/", artifacts.ContentView.as_view(), name="api-artifact-content"),
    path("sessions/<uuid:session_id>/graphs/", graphs.GraphsView.as_view(), name="api-graphs"),
    path("graphs/<uuid:graph_id>/", graphs.GraphView.as_view(), name="api-graph"),
    path(
        "graphs/<uuid:graph_id>/cancel/",
        graphs.GraphActionView.as_view(command="cancel-graph"),
        name="api-graph-cancel",
    ),
    path(
        "graphs/<uuid:graph_id>/retry/", graphs.GraphActionView.as_view(command="retry-graph"), name="api-graph-retry"
    ),
    path("nodes/<uuid:node_id>/", graphs.NodeView.as_view(), name="api-node"),
    path("models/", runs.ModelsView.as_view(), name="api-models"),
    path("prompts/", prompts.PromptsView.as_view(), name="api-prompts"),
    path("prompts/<slug:name>/", prompts.PromptView.as_view(), name="api-prompt"),
    path("tokens/", tokens.TokensView.as_view(), name="api-tokens"),
    path("tokens/<uuid:token_id>/", tokens.TokenView.as_view(), name="api-token"),
    path("commands/", logs.CommandsView.as_view(), name="api-commands"),
    path("commands/<uuid:command_id>/", logs.CommandView.as_view(), name="api-command"),
    re_path(r"", no_such_address),
]
