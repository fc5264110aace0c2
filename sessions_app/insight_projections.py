"""From events to the rows behind search and analytics. Registered after `projections`, whose rows these refer to.

All of it is set-based SQL; what adds a message carries it in its own statement."""

from bus.messages import IMPORTED
from bus.registry import default as registry
from bus.registry import projects
from sessions_app import events
from sessions_app.events.runs import RUN_ENDS
from sessions_app.insight_tables import BASE, GROWTH, OUTCOMES
from sessions_app.models import DailyUse, Title

registry.projection_models += [Title, DailyUse]

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

# -- use, by day -----------------------------------------------------------------------------------------------------

_DAY = "(a.recorded_at AT TIME ZONE 'UTC')::date"
_OF = "FROM appended AS a JOIN sessions_app_session AS s ON s.id = a.stream"
# what a file tells of was used elsewhere, as for the ledger
_HERE = f"s.owner_id IS NOT NULL AND NOT starts_with(a.actor, '{IMPORTED}:')"
_KEY = "(session, day, provider, model)"


def _added(*columns: str) -> str:
    return ", ".join(f"{column} = d.{column} + excluded.{column}" for column in columns)


def _merged(column: str) -> str:
    """A histogram with another's counts added to it."""
    return f"""{column} = coalesce(d.{column} || (
        SELECT jsonb_object_agg(key, value::bigint + coalesce((d.{column}->>key)::bigint, 0))
        FROM jsonb_each_text(excluded.{column})
    ), d.{column}, excluded.{column})"""


def _bucketed(seconds: str) -> str:
    """A histogram of one value (double precision, or null)."""
    bucket = f"ceil(ln(greatest({seconds}, {BASE}) / {BASE}) / ln({GROWTH}::float8))::int"
    return f"CASE WHEN {seconds} IS NOT NULL THEN jsonb_build_object({bucket}, 1) END"


_BEGUN = f"""
INSERT INTO sessions_app_dailyuse AS d (session, day, provider, model, owner, messages)
SELECT s.id, {_DAY}, s.provider, s.model, s.owner_id, s.message_count {_OF} WHERE s.owner_id IS NOT NULL
ON CONFLICT {_KEY} DO UPDATE SET {_added("messages")}
"""

_SAID = f"""
INSERT INTO sessions_app_dailyuse AS d (session, day, provider, model, owner, messages)
SELECT s.id, {_DAY}, s.provider, s.model, s.owner_id, count(*)
{_OF} WHERE a.type = 'message-added' AND s.owner_id IS NOT NULL GROUP BY s.id, {_DAY}
ON CONFLICT {_KEY} DO UPDATE SET {_added("messages")}
"""

# a correction by hand, of no model's use, is neither priced nor unpriced
_COUNTED = f"""
INSERT INTO sessions_app_dailyuse AS d
    (session, day, provider, model, owner, prompt_tokens, completion_tokens, priced, unpriced, cost)
SELECT s.id, {_DAY}, coalesce(a.data->>'provider', s.provider), coalesce(a.data->>'model', s.model), s.owner_id,
       (a.data->>'prompt_tokens')::bigint, (a.data->>'completion_tokens')::bigint,
       (a.data->>'cost' IS NOT NULL AND (a.data->>'usage' IS NOT NULL OR (a.data->>'cost')::numeric <> 0))::int,
       (a.data->>'cost' IS NULL)::int, coalesce((a.data->>'cost')::numeric, 0)
{_OF} WHERE {_HERE}
ON CONFLICT {_KEY} DO UPDATE
SET {_added("prompt_tokens", "completion_tokens", "priced", "unpriced", "cost")}
"""

_ENDED = f"""
INSERT INTO sessions_app_dailyuse AS d
    (session, day, provider, model, owner, {", ".join(OUTCOMES)}, run_time, spoken_tokens, speaking_time,
     durations, first_tokens)
SELECT s.id, {_DAY}, r.provider, r.model, s.owner_id,
       {", ".join(f"(a.type = 'run-{outcome}')::int" for outcome in OUTCOMES)},
       coalesce(took, '0'), CASE WHEN spoke > '0' THEN (a.data->>'completion_tokens')::bigint ELSE 0 END,
       CASE WHEN spoke > '0' THEN spoke ELSE '0' END,
       {_bucketed("extract(epoch FROM took)::float8")}, {_bucketed("timed.first")}
{_OF} JOIN sessions_app_run AS r ON r.id = (a.data->>'run_id')::uuid,
LATERAL (SELECT a.recorded_at - r.started_at AS took, (a.data->>'first_token')::float8 AS first) AS timed,
LATERAL (SELECT took - make_interval(secs => timed.first) AS spoke) AS after_that
WHERE {_HERE}
ON CONFLICT {_KEY} DO UPDATE
SET {_added(*OUTCOMES, "run_time", "spoken_tokens", "speaking_time")},
    {_merged("durations")}, {_merged("first_tokens")}
"""

_REPRICED = """
UPDATE sessions_app_dailyuse AS d
SET cost = d.cost + n.difference, priced = d.priced + n.known, unpriced = d.unpriced - n.known
FROM (
    SELECT u.session_id, (u.at AT TIME ZONE 'UTC')::date AS day, u.provider, u.model,
           sum(e.cost - coalesce(e.before, 0)) AS difference, count(*) FILTER (WHERE e.before IS NULL) AS known
    FROM appended AS a, jsonb_to_recordset(a.data->'entries') AS e (usage_id uuid, before numeric, cost numeric)
    JOIN sessions_app_usageentry AS u ON u.id = e.usage_id
    WHERE u.session_id = a.stream GROUP BY 1, 2, 3, 4
) AS n
WHERE d.session = n.session_id AND d.day = n.day AND d.provider = n.provider AND d.model = n.model
"""

_DELETED = """
UPDATE sessions_app_dailyuse SET deleted = true WHERE session IN (SELECT stream FROM appended)
"""

projects(events.SessionCreated, sql=(_BEGUN,))
projects(events.SessionDeleted, sql=(_DELETED,))
projects(events.MessageAdded, sql=(_SAID,))
projects(events.TokenMetricsUpdated, sql=(_COUNTED,))
projects(*RUN_ENDS, sql=(_ENDED,))
projects(events.SessionRepriced, sql=(_REPRICED,))
projects(
    events.SessionErased, sql=("DELETE FROM sessions_app_dailyuse AS d USING appended AS a WHERE d.session = a.stream",)
)
