"""Admin pages whose rows are changed by actions, one command each: in the list for several, on
a row's own page for that one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from bus.admin import ReadOnly, execute
from bus.exceptions import Refused
from bus.messages import Command


class ByAction(ReadOnly):
    """Looked at by who may see its rows, acted upon by who could change them by hand."""

    change_form_outer_before_template = "console/buttons.html"

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Whoever may change such a row."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def offered(self, row: Any) -> tuple[str, ...]:
        """The names of the actions that make sense for this row."""
        return ()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """With a button for each of them; it posts what the list would post for this row alone."""
        row = context.get("original")
        offered = self.offered(row) if row is not None else ()
        buttons = [
            (name, action[2]) for name, action in self.get_actions(request).items() if action and name in offered
        ]
        context |= {
            "buttons": buttons,
            "list": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def act(self, request: HttpRequest, commands: list[Command]) -> HttpResponse | None:
        """What is refused is said, the others go on. Then back to the row one came from."""
        done = 0
        for command in commands:
            try:
                execute(request, command)
                done += 1
            except Refused as refusal:
                self.message_user(request, refusal.detail, messages.ERROR)
        self.message_user(request, f"{done} done.", messages.SUCCESS if done else messages.WARNING)
        chosen = request.POST.getlist("_selected_action")
        if "from_row" in request.POST and len(chosen) == 1:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", chosen[0])
        return None
