"""All addresses."""

from django.contrib import admin
from django.urls import include, path

from config import health

handler400 = "config.errors.bad_request"
handler500 = "config.errors.server_error"

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
    path("api/v1/", include("sessions_app.api.urls")),
    path("openai/v1/", include("sessions_app.openai_front.urls")),
    path("", include("sessions_app.urls")),
]
