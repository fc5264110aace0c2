"""Named prompts: files, versions in rows, includes between them, and their admin."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.asserts import assertNumQueries
from pytest_django.fixtures import Settings

from bus.exceptions import Invalid, NotFound
from sessions_app.models import Prompt
from sessions_app.orchestration import prompts
from sessions_app.orchestration.prompts import PromptText
from sessions_app.orchestration.templates import TemplateFailed, Used
from tests.bus.support import in_threads
from tests.web.browser import page_of, said

pytestmark = pytest.mark.django_db

PAGE = page_of(Prompt)


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Prompts of the test's own: `ask`, and others it writes."""
    settings.PROMPTS_FOLDER = tmp_path
    write(tmp_path, "ask", user="What is {{ topic }}?\n", system="Be brief.\n", description="Asks.\n")
    return tmp_path


def write(folder: Path, name: str, **parts: str) -> None:
    """A prompt as files."""
    (folder / name).mkdir(parents=True)
    for part, text in parts.items():
        (folder / name / f"{part}.txt").write_text(text)


def new(name: str, user: str, **more: Any) -> Prompt:
    """Another version."""
    return prompts.save(PromptText(name=name, user=user, **more))


@pytest.fixture
def staff(charlie: User) -> Client:
    """A browser in which Charlie is logged in."""
    client = Client()
    client.force_login(charlie)
    return client


# -- those that come with the server -----------------------------------------------------------------------------------

SHIPPED: dict[str, dict[str, Any]] = {
    "summarize": {"text": "<A text>", "focus": "prices"},
    "critique": {"text": "A text.", "task": "a letter", "criteria": ["tone", "length"]},
    "synthesize": {"question": "Why?", "texts": ["first", {"title": "Two", "text": "second"}]},
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_prompt_that_comes_with_the_server_says_what_it_is_told(name: str) -> None:
    values = SHIPPED[name]
    assert prompts.variables(prompts.find(name)) >= values.keys()
    system, user = prompts.resolve(name, values)
    assert len(system) > 100
    for value in values.values():
        for text in [value] if isinstance(value, str) else value:
            assert (text if isinstance(text, str) else text["text"]) in user
    assert "{" not in user + system
    assert "\n\n\n" not in user


def test_the_catalogue_names_the_newest_of_each() -> None:
    assert [(prompt.name, prompt.version) for prompt in prompts.catalogue()] == [(name, 0) for name in sorted(SHIPPED)]
    for text in ("one", "two"):
        new("critique", text)
        new("another", text)
    shown = [(prompt.name, prompt.version, prompt.user == "two") for prompt in prompts.catalogue()]
    assert shown == [("another", 2, True), ("critique", 2, True), ("summarize", 0, False), ("synthesize", 0, False)]


# -- files and rows ----------------------------------------------------------------------------------------------------


def test_a_file_is_version_0_and_a_row_comes_after_it(folder: Path) -> None:
    assert prompts.find("ask") == PromptText(
        name="ask", user="What is {{ topic }}?", system="Be brief.", description="Asks."
    )
    assert new("ask", "Why is {{ topic }}?").version == 1
    assert new("ask", "Who is {{ topic }}?", system="Be kind.").version == 2
    found = {version: prompts.find("ask", version).user.split()[0] for version in (None, 0, 1, 2)}
    assert found == {None: "Who", 0: "What", 1: "Why", 2: "Who"}
    assert prompts.versions("ask") == [2, 1, 0]
    assert prompts.resolve("ask", {"topic": "tea"}) == ("Be kind.", "Who is tea?")
    assert prompts.resolve("ask", {"topic": "tea"}, 0) == ("Be brief.", "What is tea?")


def test_what_a_prompt_uses_is_told_of_both_parts_with_each_included_prompt_read_once() -> None:
    new("part", "{{ a.b }}{{ c|default(1) }}")
    whole = PromptText(system='{% include "part" %}', user='{% include "part" %}{{ d }}' * 3)
    for _ in range(2):
        with assertNumQueries(1):
            used = prompts.used(whole)
    assert used == Used(frozenset({("a", "b"), ("c",), ("d",)}), frozenset({"c"}))
    assert prompts.paths(whole) == used.paths
    with pytest.raises(Invalid, match=r"^user: Line 1: "):
        prompts.used(PromptText(system="x", user="{{ f() }}"))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("nobody", None),
        ("ask", 7),
        ("ask", -1),
        ("ask", 2**70),
        ("", None),
        ("../ask", None),
        ("ask/../ask", 0),
        (".", None),
        ("Ask", None),
        ("ask\n", None),
        ("ask\x00", 0),
        ("a" * 5_000, None),
    ],
)
def test_what_is_not_there_is_not_found(folder: Path, name: str, version: int | None) -> None:
    with pytest.raises(NotFound, match="There is no prompt"):
        prompts.find(name, version)


def test_a_folder_without_prompts_has_none(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "README").write_text("x")
    for folder in (tmp_path, tmp_path / "nowhere"):
        settings.PROMPTS_FOLDER = folder
        assert prompts.catalogue() == []


def test_a_prompt_need_not_have_a_name(folder: Path) -> None:
    inline = PromptText(system="You are {{ who }}.", user='{% include "ask" %} {{ nodes.a.output }}')
    assert prompts.variables(inline) == {"who", "topic", "nodes"}
    assert prompts.paths(inline) == {("who",), ("topic",), ("nodes", "a", "output")}
    values = {"who": "kind", "topic": "tea", "nodes": {"a": {"output": "x"}}}
    assert prompts.resolve(inline, values) == ("You are kind.", "What is tea? x")


def test_an_undefined_variable_is_named(folder: Path) -> None:
    with pytest.raises(TemplateFailed, match="topic is undefined"):
        prompts.resolve("ask", {})


def test_a_template_loop_is_named(folder: Path) -> None:
    write(folder, "a", user='{% include "b" %}')
    write(folder, "b", user='{% include "a" %}')
    for function in (prompts.variables, lambda prompt: prompts.resolve(prompt, {})):
        with pytest.raises(Invalid, match="template loop: a → b → a"):
            function(prompts.find("a"))
    new("c", '{% include "ask" %}')
    with pytest.raises(Invalid, match="user: template loop: ask → c → ask"):
        new("ask", '{% include "c" %}')


@pytest.mark.parametrize("name", ["", "Big", "a b", "-a", "a/b", "é", "a" * 101])
def test_a_name_must_be_fit_for_an_address(name: str) -> None:
    with pytest.raises(Invalid, match="A prompt's name"):
        new(name, "x")


@pytest.mark.django_db(transaction=True)
def test_two_that_save_at_once_make_two_versions() -> None:
    made = in_threads(*[lambda: new("busy", "x").version] * 4)
    assert sorted(made) == [1, 2, 3, 4]


# -- the admin ---------------------------------------------------------------------------------------------------------


def form(**fields: str) -> dict[str, str]:
    return {"name": "greet", "system": "", "user": "Hello {{ name }}", "description": "", **fields}


def test_a_change_in_the_admin_is_a_new_version(staff: Client, charlie: User) -> None:
    assert staff.post(f"{PAGE}add/", form()).headers["Location"] == PAGE
    first = Prompt.objects.get()
    assert (first.name, first.version, first.created_by) == ("greet", 1, charlie)
    fields = form(user="Hello\r\n{{ name }}!", description="Greets.")
    assert staff.post(f"{PAGE}{first.pk}/change/", fields).headers["Location"] == PAGE
    assert staff.post(f"{PAGE}add/", form(user="Hi")).headers["Location"] == PAGE
    texts = Prompt.objects.order_by("version").values_list("version", "user", "description")
    assert list(texts) == [(1, "Hello {{ name }}", ""), (2, "Hello\n{{ name }}!", "Greets."), (3, "Hi", "")]
    assert LogEntry.objects.count() == 3
    shown = said(staff.get(PAGE, {"q": "greet"}))
    assert shown.count("/change/") >= 3, "the versions are its history"


def test_saving_a_prompt_unchanged_makes_no_version(staff: Client) -> None:
    staff.post(f"{PAGE}add/", form())
    row = Prompt.objects.get()
    assert staff.post(f"{PAGE}{row.pk}/change/", form()).status_code == 302
    assert Prompt.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"user": "Hello {{ name"}, "user: Line 1: "),
        ({"system": "Be kind.\n{{ name() }}"}, "system: Line 2: calls are not allowed."),
        ({"user": "x" * 100_001}, "user: A template has at most 100,000 characters"),
        ({"user": '{% include "greet" %}'}, "user: template loop: greet → greet"),
        ({"user": '{% include "nobody" %}'}, "there is no prompt"),
        ({"name": "Big Name"}, "Small letters, digits"),
        ({"user": ""}, "This field is required"),
    ],
)
def test_a_prompt_that_cannot_work_is_not_saved(staff: Client, fields: dict[str, str], text: str) -> None:
    assert text in said(staff.post(f"{PAGE}add/", form(**fields)))
    assert not Prompt.objects.exists()


def test_nobody_deletes_a_version_and_only_staff_see_the_page(staff: Client, alice_client: Client) -> None:
    row = new("greet", "x")
    assert staff.post(f"{PAGE}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Prompt.objects.exists()
    for rest in ("", "add/", f"{row.pk}/change/"):
        assert alice_client.get(PAGE + rest).headers["Location"].startswith("/admin/login/")
