"""The Celery application: the workers' wake-up call and thread pool. The truth is in the database."""

import logging
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

logger = logging.getLogger("parley.worker")

app = Celery("parley")
app.conf.update(settings.CELERY)
app.autodiscover_tasks(["bus.work", "sessions_app"])


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Having a receiver keeps Celery from configuring the root logger over the settings."""


@worker_ready.connect
def start_sweeper(**_: Any) -> None:
    """Every worker process sweeps, however it was started."""
    from bus.heartbeat import heartbeat
    from bus.work.sweeper import sweeper

    sweeper().start()
    heartbeat("worker").start()
    logger.info("worker ready")


@worker_shutdown.connect
def stop_sweeper(**_: Any) -> None:
    """Take up nothing more; let the answers at hand end, or hand them back."""
    from bus.heartbeat import heartbeat
    from bus.work import runner
    from bus.work.sweeper import sweeper
    from sessions_app.llm import clients

    heartbeat("worker").stop()
    sweeper().stop(lambda: runner.drain(settings.RUN_GRACE, settings.RUN_HANDOVER))
    clients.close()
