"""Django behind an ASGI server, with all middleware and the view of a request in one thread. Django's own handler takes
turns between the loop and the thread for every middleware, which costs several times what the request does."""

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneThreadHandler(ASGIHandler):
    """What `get_asgi_application` returns, but synchronous inside: all our views are."""

    def load_middleware(self, is_async: bool = False) -> None:
        """The chain a WSGI server would run."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response, made in the request's thread."""
        return await sync_to_async(self.get_response)(request)
