"""What the console's pages share: who may see them, and how they are written."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

View = Callable[..., HttpResponse]


def needs(permission: str) -> Callable[[View], View]:
    """Only for operators with this right; the others are told so. Who is no operator is asked to log in before."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    return decorate


def page(request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
    """A page of the console."""
    context = {**admin.site.each_context(request), "title": title, **shown}
    return TemplateResponse(request, f"console/{template}.html", context)
