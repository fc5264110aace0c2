import datetime

import django.db.models.deletion
from django.db import migrations, models

OWNERS = """
UPDATE sessions_app_message AS m SET owner = s.owner_id FROM sessions_app_session AS s WHERE s.id = m.session_id
"""
TITLES = """
INSERT INTO sessions_app_title (session_id, owner, text, created_at)
SELECT id, owner_id, title, created_at FROM sessions_app_session WHERE title <> ''
"""
# `simple` knows no language, and so none is put at a disadvantage. A vector holds 1 MiB at most: what 100,000
# characters come to always fits. JSON is text here, whose escapes are no letters. The owner is a word with a space
# before it, which no text has: one index finds words and keeps people apart.
WORDS = r"""
ALTER TABLE sessions_app_message ADD COLUMN words tsvector GENERATED ALWAYS AS (
    to_tsvector('simple', left(
        regexp_replace(jsonb_path_query_array(content, '$[*].text')::text, '\\(u[0-9a-f]{4}|.)', ' ', 'g'), 100000
    )) || array_to_tsvector(ARRAY[' ' || coalesce(owner::text, '')])
) STORED;
ALTER TABLE sessions_app_title ADD COLUMN words tsvector GENERATED ALWAYS AS (
    to_tsvector('simple', text) || array_to_tsvector(ARRAY[' ' || coalesce(owner::text, '')])
) STORED;
CREATE INDEX message_words ON sessions_app_message USING gin (words) WITH (gin_pending_list_limit = 512);
CREATE INDEX title_words ON sessions_app_title USING gin (words) WITH (gin_pending_list_limit = 512);
"""
NOTHING = migrations.RunSQL.noop


class Migration(migrations.Migration):

    dependencies = [
        ("sessions_app", "0016_exports"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="owner",
            field=models.BigIntegerField(editable=False, help_text="the session's, for the index of words", null=True),
        ),
        migrations.CreateModel(
            name="Title",
            fields=[
                (
                    "session",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="sessions_app.session",
                    ),
                ),
                ("owner", models.BigIntegerField(null=True)),
                ("text", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField(help_text="when the session began")),
            ],
        ),
        migrations.CreateModel(
            name="DailyUse",
            fields=[
                ("pk", models.CompositePrimaryKey("session", "day", "provider", "model", blank=True, editable=False, primary_key=True, serialize=False)),
                ("session", models.UUIDField()),
                ("day", models.DateField()),
                ("provider", models.CharField(max_length=100)),
                ("model", models.CharField(max_length=100)),
                ("owner", models.BigIntegerField()),
                ("deleted", models.BooleanField(db_default=False, help_text="whether the session is")),
                ("messages", models.IntegerField(db_default=0)),
                ("completed", models.IntegerField(db_default=0)),
                ("incomplete", models.IntegerField(db_default=0)),
                ("failed", models.IntegerField(db_default=0)),
                ("cancelled", models.IntegerField(db_default=0)),
                ("interrupted", models.IntegerField(db_default=0)),
                ("prompt_tokens", models.BigIntegerField(db_default=0)),
                ("completion_tokens", models.BigIntegerField(db_default=0)),
                ("priced", models.IntegerField(db_default=0, help_text="counts of tokens whose cost is known")),
                ("unpriced", models.IntegerField(db_default=0, help_text="those whose cost is not")),
                ("cost", models.DecimalField(db_default=0, decimal_places=16, help_text="USD, of what is priced", max_digits=32)),
                ("run_time", models.DurationField(db_default=datetime.timedelta(0), help_text="from the last start to the end of its runs")),
                ("spoken_tokens", models.BigIntegerField(db_default=0, help_text="of completed runs whose first token was timed")),
                ("speaking_time", models.DurationField(db_default=datetime.timedelta(0), help_text="of the same, from the first token on")),
                ("durations", models.JSONField(null=True)),
                ("first_tokens", models.JSONField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["session", "created_at", "id"], name="conversations_oldest"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["session", "-id"], name="runs_newest"),
        ),
        migrations.AddIndex(
            model_name="dailyuse",
            index=models.Index(fields=["owner", "day"], name="use_of_owner"),
        ),
        migrations.RunSQL(OWNERS, NOTHING),
        migrations.RunSQL(WORDS, NOTHING),
        migrations.RunSQL(TITLES, NOTHING),  # last: a table with foreign keys to check is not altered
    ]
