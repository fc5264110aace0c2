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
        ("sessions_app", "0015_client_tools"),
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
        migrations.RunSQL(OWNERS, NOTHING),
        migrations.RunSQL(WORDS, NOTHING),
        migrations.RunSQL(TITLES, NOTHING),  # last: a table with foreign keys to check is not altered
    ]
