"""What the console's pages share: who may see them, how they are written, and commands instead of writes."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from bus.admin import execute
from bus.exceptions import Refused
from bus.messages import Command

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


def give(request: HttpRequest, commands: list[Command], done: str, back: str) -> HttpResponse:
    """Execute each; what is refused is said, the others go on. Then back to where one came from."""
    carried_out = 0
    for command in commands:
        try:
            execute(request, command)
            carried_out += 1
        except Refused as refusal:
            messages.error(request, refusal.detail)
    if carried_out:
        messages.success(request, done)
    return redirect(back)
