"""The rows of named prompts. Written in the admin (through `prompts.save`), never edited: a change is a new version."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from sessions_app.orchestration.grammar import LONGEST_NAME

NAME = r"[a-z0-9][a-z0-9_-]*"
"""What a prompt can be called: it stands in addresses and in names of folders."""


class Prompt(models.Model):
    """One version of a named prompt."""

    name = models.CharField(
        max_length=LONGEST_NAME,
        validators=[RegexValidator(rf"^{NAME}\Z", "Small letters, digits, - and _, beginning with a letter or digit.")],
        help_text="small letters, digits, - and _; a name that is there already gets a new version",
    )
    version = models.PositiveIntegerField(editable=False)
    system = models.TextField(blank=True, help_text="template of the system message; may be empty")
    user = models.TextField(help_text="template of the user message")
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "version"], name="prompt_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
