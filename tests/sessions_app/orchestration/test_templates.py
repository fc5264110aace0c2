"""Templates and conditions: what they can say, what they say of what is missing, and prompts within prompts."""

import time
from typing import Any

import pytest

from bus.exceptions import Invalid, NotFound
from sessions_app.orchestration import templates
from sessions_app.orchestration.templates import (
    Shelf,
    TemplateFailed,
    Used,
    check_condition,
    check_template,
    holds,
    paths_in,
    render,
    used_in,
    used_in_condition,
)

NODES: dict[str, Any] = {
    "nodes": {"a": {"output": "<found> & 'said'", "score": 0.7}, "b": {"output": {"tags": ["x", "y"], "ok": True}}},
    "items": [{"title": "one", "n": 1}, {"title": "two", "n": 2}],
    "name": "Ann",
    "empty": [],
    "none": None,
}


# -- what can be said --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello {{ name }}.", "Hello Ann."),
        ("{{ nodes.a.output }}", "<found> & 'said'"),
        ("{{ nodes['b'].output }}", '{"tags":["x","y"],"ok":true}'),
        ("{{ nodes.b.output.tags[1] }}{{ nodes.b.output.tags[-2] }}{{ items.0.title }}", "yxone"),
        ("{{ none }} {{ nodes.b.output.ok }} {{ 5 }} {{ 1.5 }} {{ [1, 'a'] }}", 'null true 5 1.5 [1,"a"]'),
        ("{{ 'yes' if name == 'Ann' and not empty else 'no' }}", "yes"),
        ("{% if empty %}a{% elif nodes.a.score > 1 %}b{% else %}c{% endif %}", "c"),
        (
            "{% for item in items %}{{ loop.index }}{{ item.title }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1one, 2two",
        ),
        ("{% for item in empty %}x{% else %}nothing{% endfor %}", "nothing"),
        ("{% for item in items if item.n > 1 %}{{ item.title }}{% endfor %}", "two"),
        ("{% for k, v in nodes.b.output|items %}{{ k }}={{ v }};{% endfor %}", 'tags=["x","y"];ok=true;'),
        ("{% for i in items %}{% for j in items %}{{ i.n + j.n - 1 }}{% endfor %}{% endfor %}", "1223"),
        ("{{ missing|default('none') }}{{ nodes.a.missing|default(name|upper) }}", "noneANN"),
        ("{{ items|length }} {{ nodes.b.output.tags|join(', ') }} {{ name|lower|replace('n', 'm') }}", "2 x, y amm"),
        ("{{ 'a long text'|truncate(6) }} {{ ' x '|trim }} {{ 2.567|round(1) }} {{ '7'|int + 1 }}", "a lon… x 2.6 8"),
        ("{{ [3, 1, 2]|sort|first }}{{ [3, 1, 2]|reverse|last }}{{ empty|first|default('-') }}", "13-"),
        ("{{ 'a\nb'|indent(2) }} {{ items[0]|tojson }} {{ -3|abs }}", 'a\n  b {"title":"one","n":1} 3'),
        ("{{ name is defined }} {{ missing is defined }} {{ items is sequence }}", "true false true"),
        ("{{ none is none }} {{ name is string }} {{ 1 is number }} {{ nodes is mapping }}", "true true true true"),
        ("{# a remark #}  {% if name %}\nx\n  {% endif %}\ny", "  x\ny"),
    ],
)  # fmt: skip
def test_a_template_says(text: str, said: str) -> None:
    check_template(text)
    assert render(text, NODES) == said


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{{ nodes.a.output }} {{ name }}", {("nodes", "a", "output"), ("name",)}),
        ("{% for x in nodes.b.list %}{{ x.y }}{{ z[0].q }}{% endfor %}", {("nodes", "b", "list"), ("z", "0", "q")}),
        ("{% for x in a %}{% endfor %}{{ x }}", {("a",), ("x",)}),
        ("{{ (a.b|default(c.d)).e }}", {("a", "b"), ("c", "d")}),
        ("{% if f.g is defined and 1 in h %}{% endif %}", {("f", "g"), ("h",)}),
        ("{% for loop_ in a %}{{ loop.first }}{% else %}{{ loop_ }}{% endfor %}", {("a",), ("loop_",)}),
        ("plain", set()),
    ],
)  # fmt: skip
def test_what_a_template_uses_is_known(text: str, paths: set[tuple[str, ...]]) -> None:
    assert paths_in(text) == paths
    assert check_template(text) == {path[0] for path in paths}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("nodes.a.score >= 0.5 and 'found' in nodes.a.output", True),
        ("nodes.b.output.ok", True),
        ("empty or none", False),
        ("nodes.a.score in [0.6, 0.8]", False),
        ("items|length - 1 == 1", True),
        ("missing is defined", False),
        ("name != 'Ann' if empty else name == 'Ann'", True),
        ("''", False),
        ("0", False),
        ("'1 }} {% x %}'", True),
    ],
)
def test_a_condition_holds_or_not(text: str, result: bool) -> None:
    check_condition(text)
    assert holds(text, NODES) is result


def test_what_a_condition_uses_is_known() -> None:
    assert used_in_condition("nodes.a.score > 1 and name").paths == {("nodes", "a", "score"), ("name",)}
    assert check_condition("nodes.a.score > 1 and name") == {"nodes", "name"}


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a }} {{ b", "a %}{% include 'x' %}", "a; b", "import os", "x = 1", "{{ a }}", "x" * 3_000]
)
def test_a_condition_is_one_expression(text: str) -> None:
    with pytest.raises(Invalid):
        check_condition(text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{ nobody }}", "nobody is undefined."),
        ("{{ nodes.a.outptu }}", "nodes.a.outptu is undefined."),
        ("{{ nodes.c.output }}", "nodes.c is undefined."),
        ("{{ items[2].title }}", "items.2 is undefined."),
        ("{% for x in nobody.list %}{% endfor %}", "nobody is undefined."),
        ("{{ 'x' if nodes.a.rating > 3 else 'y' }}", "nodes.a.rating is undefined."),
        ("{{ nobody + 1 }}{{ name|upper }}", "nobody is undefined."),
        ("{{ nobody|upper }}", "nobody is undefined."),
        ("{% for x in items %}{{ x.rating }}{% endfor %}", "rating is undefined."),
        ("{{ empty|first }}", "there is no first of an empty list."),
        ("{{ name + 1 }}", "a text is no number"),
        ("{{ 1 if name < 1 else 2 }}", "not supported between"),
        ("{% for x in name %}{% endfor %}", "a text is no list to loop over"),
        ("{{ name|int }}", "cannot be rendered"),
        ("{{ items|sort }}", "not supported between"),
    ],
)
def test_what_cannot_be_rendered_says_why(text: str, named: str) -> None:
    check_template(text)
    with pytest.raises(TemplateFailed) as failed:
        render(text, NODES)
    assert named in failed.value.detail
    assert (failed.value.code, failed.value.status) == ("template-failed", 422)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fine\n{{ name", "Line 2: "),
        ("{{ f() }}", "Line 1: calls are not allowed."),
        ("\n\n{{ a * 2 }}", "Line 3: of arithmetic there is + and - only."),
        ("{{ a|map('x') }}", "there is no filter 'map'; there are abs, "),
        ("{{ a is callable }}", "there is no test 'callable'"),
        ("{{ 'x' if a }}", "needs an else"),
        ("{{ a[b] }}", "by a constant name or number"),
        ("{{ a[1:] }}", "by a constant name or number"),
        ("{% set a = 1 %}", "'assign' is not allowed"),
        ("{% for a in b %}{% for c in d %}{% for e in f %}{% endfor %}{% endfor %}{% endfor %}", "loops go 2 deep"),
    ],
)  # fmt: skip
def test_what_a_template_must_not_contain_is_named_with_its_line(text: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_template(text)
    assert why in refused.value.detail


# -- prompts in prompts ------------------------------------------------------------------------------------------------

PROMPTS = {
    "greet": "Hello {{ name }}",
    "both": '{% include "greet" %} and {% include "greet" %}',
    "a": '{% include "b" %}',
    "b": 'x {% include "a" %}',
    "wrong": "\n{{ f() }}",
    "lost": '{% include "nowhere" %}',
    "big": "x" * 90_000,
    **{f"deep{n}": f'{{% include "deep{n + 1}" %}}' for n in range(20)},
    **{f"laugh{n}": f'{{% include "laugh{n + 1}" %}}' * 9 for n in range(8)},
    "laugh8": "ha",
}


def read(name: str) -> str:
    if name not in PROMPTS:
        raise NotFound
    return PROMPTS[name]


def test_a_prompt_is_included_where_it_is_named() -> None:
    assert render(PROMPTS["both"], {"name": "Ann"}, read=read) == "Hello Ann and Hello Ann"
    assert check_template(PROMPTS["both"], read=read) == {"name"}
    loop = '{% for name in names %}{% include "greet" %} {% endfor %}'
    assert render(loop, {"names": ["Ann", "Bo"]}, read=read) == "Hello Ann Hello Bo "
    assert check_template(loop, read=read) == {"names"}


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        (PROMPTS["a"], "a", "template loop: a → b → a"),
        (PROMPTS["a"], "", "template loop: b → a → b"),
        ('{% include "self" %}', "self", "template loop: self → self"),
        (PROMPTS["lost"], "", "Line 1: there is no prompt 'nowhere' to include."),
        ('{% include "lost" %}', "top", "In the prompt 'lost', line 1: there is no prompt 'nowhere' to include."),
        ('{% include "wrong" %}', "top", "In the prompt 'wrong', line 2: calls are not allowed."),
        ('{% include "deep0" %}', "top", "include each other more than 10 deep"),
        ('{% include "laugh0" %}', "top", "included in more than 50 places"),
        ('{% include "greet" %}' * 51, "top", "included in more than 50 places"),
        ('{% include "big" %}' * 20, "top", "included prompts come to more than 1,000,000 characters"),
        ("{% include name %}", "", "a prompt is included by its name"),
        ('{% include ["a", "b"] %}', "", "a prompt is included by its name"),
        ('{% include "a" ignore missing %}', "", "a prompt is included by its name"),
        ('{% include "../../etc/passwd" %}', "", "there is no prompt"),
    ],
)
def test_includes_that_lead_nowhere_are_refused(text: str, name: str, why: str) -> None:
    for function in (
        lambda: check_template(text, read=read, name=name),
        lambda: render(text, {}, read=read, name=name),
    ):
        began = time.monotonic()
        with pytest.raises(Invalid) as refused:
            function()
        assert why in refused.value.detail
        assert time.monotonic() - began < 3


def test_a_prompt_is_read_once_and_its_new_text_counts_at_once() -> None:
    texts, asked = {"part": "{{ a }}"}, []

    def told(name: str) -> str:
        asked.append(name)
        return texts[name]

    text = '{% include "part" %}' * 50
    assert used_in(text, read=told) == Used(frozenset({("a",)}), frozenset())
    assert asked == ["part"]
    assert render(text, {"a": "x"}, read=told) == "x" * 50
    assert asked == ["part"] * 2, "to see whether it is what it was"
    texts["part"] = "{{ b|default('y') }}"
    assert used_in(text, read=told) == Used(frozenset({("b",)}), frozenset({"b"}))
    assert render(text, {}, read=told) == "y" * 50
    with pytest.raises(Invalid, match="nothing can be included here"):
        check_template(text)


@pytest.mark.parametrize("text", ["x" * 90_000 + "{{ a }}", '{% include "greet" %}, of whom I have heard'])
def test_also_what_is_long_or_includes_others_is_compiled_once(text: str) -> None:
    assert templates._compiled(text, read, "") is templates._compiled(text, read, "")


def test_what_was_used_last_is_kept_as_far_as_there_is_room() -> None:
    shelf, one = Shelf(100), templates._compiled("one", None, "")._replace(size=40)
    for text in ("a", "b", "a", "a"):
        shelf.put(text, "", one)
    assert shelf.get("a", "") is shelf.get("b", "") is one
    assert shelf.get("a", "") is one
    shelf.put("c", "", one)
    assert (shelf.get("a", ""), shelf.get("b", ""), shelf.get("c", "")) == (one, None, one)
    shelf.put("d", "", one._replace(size=101))
    assert shelf.get("d", "") is None, "there is no room for that"


def test_without_prompts_nothing_is_included() -> None:
    with pytest.raises(Invalid, match="nothing can be included here"):
        check_template('{% include "a" %}')
