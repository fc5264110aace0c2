"""Turns OpenTelemetry on when an endpoint is configured; otherwise nothing is traced and nothing is paid for it."""

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bus import observe


def configure() -> None:
    """Export spans to OTEL_EXPORTER_OTLP_ENDPOINT. Raises ImproperlyConfigured when the exporter is not installed."""
    if not settings.OTEL_ENDPOINT:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set; install opentelemetry-exporter-otlp-proto-http for it."
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "parley"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    observe.enable_spans()
