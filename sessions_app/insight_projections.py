"""From events to the rows behind search. Registered after `projections`, whose rows these refer to.

All of it is set-based SQL: the append carries it in its own statement."""

from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.models import Title

registry.projection_models += [Title]

_FIRST_TITLE = """
INSERT INTO sessions_app_title (session_id, owner, text, created_at)
SELECT stream, (data->>'owner_id')::bigint, data->>'title', recorded_at FROM appended WHERE data->>'title' <> ''
"""

_NEXT_TITLE = """
INSERT INTO sessions_app_title (session_id, owner, text, created_at)
SELECT s.id, s.owner_id, a.data->'updates'->>'title', s.created_at
FROM appended AS a JOIN sessions_app_session AS s ON s.id = a.stream
WHERE a.data->'updates' ? 'title'
ON CONFLICT (session_id) DO UPDATE SET text = excluded.text
"""

projects(events.SessionCreated, sql=(_FIRST_TITLE,))
projects(events.SessionUpdated, sql=(_NEXT_TITLE,))
