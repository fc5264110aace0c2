"""`prompts/`: what operators wrote for everybody to use."""

import pytest

from sessions_app.models import Prompt
from sessions_app.orchestration import prompts
from sessions_app.orchestration.prompts import PromptText
from tests.api.caller import Caller, problem

pytestmark = pytest.mark.django_db


def test_everybody_sees_the_prompts(api: Caller, bob_api: Caller) -> None:
    prompts.save(PromptText(name="critique", user="Judge {{ text }}", description="Judges."))
    for caller in (api, bob_api):
        listed = caller.get("prompts/").json()
        assert [(row["name"], row["version"]) for row in listed["data"]] == [
            ("critique", 1),
            ("summarize", 0),
            ("synthesize", 0),
        ]
        assert listed["data"][0].keys() == {"name", "version", "description", "created_at"}
        assert (listed["has_more"], listed["next_cursor"]) == (False, None)


def test_one_prompt_is_shown_with_its_variables_and_versions(api: Caller) -> None:
    saved = prompts.save(PromptText(name="critique", system="Be {{ mood }}.", user="Judge {{ text }}"))
    shown = api.get("prompts/critique/").json()
    assert shown.pop("created_at").startswith(f"{saved.created_at:%Y-%m-%dT%H:%M}")
    assert shown == {
        "name": "critique",
        "version": 1,
        "description": "",
        "system": "Be {{ mood }}.",
        "user": "Judge {{ text }}",
        "variables": ["mood", "text"],
        "problem": None,
        "versions": [1, 0],
    }
    shipped = api.get("prompts/critique/?version=0").json()
    assert (shipped["version"], shipped["variables"], shipped["created_at"]) == (0, ["criteria", "task", "text"], None)


def test_a_prompt_that_another_one_broke_is_shown_with_what_is_wrong(api: Caller) -> None:
    prompts.save(PromptText(name="b", user="x"))
    prompts.save(PromptText(name="a", user='{% include "b" %}'))
    Prompt.objects.create(name="b", version=2, user='{% include "a" %}')
    shown = api.get("prompts/a/").json()
    assert (shown["variables"], shown["problem"]) == (None, "user: template loop: a → b → a")


def test_what_is_not_there_is_not_found(api: Caller) -> None:
    for path in ("prompts/nobody/", "prompts/Critique/", "prompts/critique/?version=9", "prompts/x.y/"):
        problem(api.get(path), 404, "not-found")
    for version in ("x", "-1", "1.5", "", "9" * 50):
        problem(api.get(f"prompts/critique/?version={version}"), 422, "validation-failed")


def test_strangers_see_nothing_and_nobody_writes(api: Caller, stranger_api: Caller) -> None:
    for path in ("prompts/", "prompts/critique/"):
        problem(stranger_api.get(path), 401, "unauthenticated")
        problem(api.post(path, {"name": "x"}), 405, "method-not-allowed")
