"""Django's admin with our site in the place of its own."""

import json
from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.utils.html import format_html
from django.utils.safestring import SafeString


class ConsoleConfig(AdminConfig):
    default_site = "sessions_app.console.site.Console"

    def ready(self) -> None:
        """JSON that is only shown: unfold colours it by style attributes, has no setting for that, and our policy
        forbids them."""
        from unfold import fields

        fields.prettify_json = plain_json
        super().ready()


def plain_json(data: Any, encoder: Any) -> SafeString:
    """JSON as text, indented."""
    text = json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False, cls=encoder)
    return format_html('<pre class="json">{}</pre>', text)
