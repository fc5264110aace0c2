"""The addresses that OpenAI's clients call, under `/openai/v1/`."""

from django.urls import path, re_path

from sessions_app.openai_front import views

urlpatterns = [
    path("chat/completions", views.CompletionsView.as_view(), name="openai-completions"),
    path("models", views.ModelsView.as_view(), name="openai-models"),
    path("models/<path:name>", views.ModelView.as_view(), name="openai-model"),
    re_path(r"", views.Nowhere.as_view()),
]
