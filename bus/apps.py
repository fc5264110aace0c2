"""The bus as a Django app: connects the commit signal to the push and to the workers' hints."""

from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from bus.messages import Envelope


class BusConfig(AppConfig):
    name = "bus"
    verbose_name = "Message bus"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.conf import settings

        from bus import (
            checks,  # noqa: F401  (registers the system checks)
            observe,
        )
        from bus.bus import bus
        from bus.live import broadcast, signals
        from bus.registry import default
        from bus.work import tasks  # noqa: F401  (Celery must know the tasks in every process)
        from bus.work.hints import hinter

        observe.enabled = settings.BUS_OBSERVE
        bus.traces = settings.BUS_TRACE_EVENTS

        def wake_subscribers(envelopes: "list[Envelope]", **_: object) -> None:
            types = {envelope.type for envelope in envelopes}
            if any(one.wants(name) for one in default.subscribers.values() for name in types):
                hinter().deliver()

        signals.events_recorded.connect(broadcast.on_events_recorded, weak=False)
        signals.notice_told.connect(broadcast.on_notice_told, weak=False)
        signals.access_changed.connect(broadcast.on_access_changed, weak=False)
        signals.events_recorded.connect(wake_subscribers, weak=False)
