"""`manage.py serve`: uvicorn in this process, with what daphne lacks (write backpressure, close codes, flat memory).

SIGTERM drains: not ready any more, sockets told to come back elsewhere, requests at work finished."""

import asyncio
import signal
import socket

import uvicorn
from django.conf import settings

from bus.heartbeat import heartbeat
from bus.live import hub as hubs
from config import health


class Server(uvicorn.Server):
    """uvicorn, asked to say goodbye to the sockets before it closes them."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        health.draining = True
        hub = hubs.existing_hub()
        if hub is not None:
            hub.drain()
            deadline = asyncio.get_running_loop().time() + settings.BUS_DRAIN_SPREAD + settings.BUS_CLOSE_TIMEOUT
            while hub.open_sockets and asyncio.get_running_loop().time() < deadline:
                await asyncio.sleep(0.05)
        await super().shutdown(sockets)
        if hub is not None:
            await hub.close()


def serve(host: str, port: int, *, descriptor: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `descriptor`: an already listening socket, for supervisors."""
    config = uvicorn.Config(
        "config.asgi:application",
        host=host,
        port=port,
        fd=descriptor,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.SECURE_PROXY_SSL_HEADER is not None,
        timeout_graceful_shutdown=8,
        timeout_keep_alive=75,
        backlog=2048,
    )
    # uvicorn raises a caught signal again when it has stopped; our caller still has things to put in order
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    heartbeat("web").start()
    Server(config).run()
    heartbeat("web").stop()
