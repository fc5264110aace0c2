"""The rows behind search and analytics. Part of `models`; written by `insight_projections`."""

from django.db import models


class Title(models.Model):
    """A session's title as search finds it. Apart from the session, whose row changes with every message: an index of
    words on it would be written every time. A column of PostgreSQL's own, `words`, is made of the two."""

    session = models.OneToOneField("sessions_app.Session", on_delete=models.CASCADE, primary_key=True, related_name="+")
    owner = models.BigIntegerField(null=True)
    text = models.CharField(max_length=200)
    created_at = models.DateTimeField(help_text="when the session began")

    def __str__(self) -> str:
        return self.text
