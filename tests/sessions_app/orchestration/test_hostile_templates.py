"""Templates that are up to no good: nothing hostile gets anywhere, takes long, or takes much."""

import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from bus.exceptions import Invalid, Refused
from sessions_app.orchestration import bounds, filters, grammar, templates
from sessions_app.orchestration.templates import TemplateFailed, check_template, render

HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ x.__class__ }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__class__') }}",
    "{{ x._private }}",
    "{{ x[y] }}",
    "{{ x['__cla' + 'ss__'] }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self }}",
    "{{ self.__init__ }}",
    "{{ loop }}",
    "{{ super() }}",
    "{{ caller }}",
    "{{ varargs }}",
    "{{ range(10) }}",
    "{{ '%s'|format(x) }}",
    "{{ '{0.__class__}'.format(x) }}",
    "{{ '{0}'.format_map(x) }}",
    "{{ x.format(y) }}",
    "{{ '%s' % x }}",
    "{{ x ~ y }}",
    "{{ 'x' * 1000000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 10 // 0 }}",
    "{{ {'a': 1} }}",
    "{{ [x, y] }}",
    "{{ x|replace(*y) }}",
    "{{ x|replace(old='a') }}",
    "{{ x|xmlattr }}",
    "{{ x|safe }}",
    "{{ x|pprint }}",
    "{{ x|random }}",
    "{{ x|select('y') }}",
    "{{ x is test }}",
    "{{ x is divisibleby 3 }}",
    "{{ _ }}",
    "{{ __builtins__ }}",
    "{% set x = 1 %}",
    "{% set x %}y{% endset %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% block b %}{% endblock %}",
    '{% extends "a" %}',
    '{% import "a" as a %}',
    '{% from "a" import b %}',
    "{% with x = 1 %}{% endwith %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do x %}",
    "{% debug %}",
    "{% for x in y recursive %}{{ loop(x) }}{% endfor %}",
    "{% for x.y in z %}{% endfor %}",
    "{% for loop in z %}{% endfor %}",
    "{% for x in y %}{% break %}{% endfor %}",
    "{% if x %}" * 60 + "{% endif %}" * 60,
    "{{ " + "(" * 90_000 + " }}",
    "{{ " + "not " * 20_000 + "x }}",
    "{{ " + "-" * 90_000 + "1 }}",
    "{{ x" + ".a" * 10_000 + " }}",
    "{{ x" + "|upper" * 5_000 + " }}",
    "{{ x" + " + x" * 5_000 + " }}",
    "{{ x" + " if x else x" * 5_000 + " }}",
    "{{ x" + " < x" * 5_000 + " }}",
    "{{ " + "9" * 90_000 + " }}",
    "{{ x }}" * 5_000,
    "{{ x }}" * 1_600,
    "{% for a in x %}{% endfor %}" * 400,
    "{{ 1e999 }}",
    "{{ x == -1e999 }}",
    "{% if x %}{% endif %}" * 4_000 + "{{ " + "x or " * 10_000 + "x }}",
    "{{ [" * 20_000,
    "{{ '" + "\\" * 90_001 + "' }}",
    "{{ x " + "{% " * 30_000,
    "x" * 100_001,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_what_is_hostile_is_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(Invalid):
        check_template(text)
    with pytest.raises(Invalid):
        render(text, {"x": "x", "y": "__class__"})
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text", ["{{ x" + " + x" * 24_000 + " }}", "{{ x }}" * 14_000, "{{ [" + "1," * 49_000 + "] }}", "{#x#}" * 20_000]
)
def test_what_has_too_many_parts_is_not_even_parsed(text: str) -> None:
    began = time.process_time()
    with pytest.raises(Invalid, match="more than 1,500 parts"):
        check_template(text)
    assert time.process_time() - began < 0.12


BIG, WIDE, MANY = "ab" * 400_000, [[1] * 1000] * 99, {str(number): 0 for number in range(10_000)}
EXPENSIVE: list[tuple[str, dict[str, Any]]] = [
    ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", {"x": list(range(5_000))}),
    ("{% for a in x %}{% for b in x %}{{ a }}{% endfor %}{% endfor %}", {"x": list(range(100_000))}),
    ("{% for a in x %}{{ y }}{% endfor %}", {"x": list(range(1_000)), "y": BIG}),
    ("{% for a in x %}" + "{% if a %}{% endif %}" * 2_000 + "{% endfor %}", {"x": list(range(5_000))}),
    ("{% for a in x %}{% if 'no' in y %}{% endif %}{% endfor %}", {"x": list(range(100_000)), "y": BIG}),
    ("{% for a in x %}{% if y == z %}{% endif %}{% endfor %}", {"x": [0] * 10_000, "y": WIDE, "z": WIDE}),
    ("{% for a in x %}{% if y|upper|lower|length %}{% endif %}{% endfor %}", {"x": list(range(10_000)), "y": BIG}),
    ("{{ y|replace('a', 'aaaaaaaaaa')|replace('a', 'aaaaaaaaaa')|length }}", {"y": BIG}),
    ("{{ y|replace('a', y)|length }}", {"y": BIG}),
    ("{{ y|indent(40)|length }}", {"y": "\n" * 500_000}),
    ("{{ y|indent(1000000000) }}", {"y": "\n"}),
    ("{{ x|join(y) }}", {"x": ["a"] * 100_000, "y": BIG}),
    ("{{ y + y + y|length }}", {"y": BIG}),
    ("{{ x|round(1000000000) }}", {"x": 5}),
    ("{{ x }}", {"x": [BIG, BIG]}),
    ("{{ x|tojson(8)|length }}", {"x": [[0] * 1000] * 1000}),
    ("{% for a in x %}{% if y|replace('ab', 'ba') %}{% endif %}{% endfor %}", {"x": [0] * 100, "y": BIG}),
    ("{% for a in x %}{% if y|upper %}{% endif %}{% endfor %}", {"x": [0] * 100, "y": "é" * 800_000}),
    ("{% for a in x %}{% if y|items %}{% endif %}{% endfor %}", {"x": [0] * 2_000, "y": MANY}),
    ("{{ x|tojson }}", {"x": {"set": {1}, "object": object()}}),
    ("{{ x|int }}", {"x": "9" * 10_000}),
    ("{{ 'a'" + "|replace('a', 'aaaaaaaaaaaaaaa')" * 20 + " }}", {}),
    ("{{ 0 - y }}" + ("{{ 'a'" + "|replace('a', 'aaaaaaaaaaaaaaa')" * 4 + "|length }}") * 500, {"y": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "variables"), EXPENSIVE, ids=lambda given: str(given)[:40])
def test_what_would_take_long_or_much_is_stopped(text: str, variables: dict[str, Any]) -> None:
    began = time.monotonic()
    with pytest.raises((TemplateFailed, Invalid)):
        render(text, variables)
    assert time.monotonic() - began < 3


DEEP: Any = 0
for _ in range(52):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ (x + x + x + x)|tojson(8) }}", [DEEP] * 900),
        ("{{ x|tojson }}", [BIG] * 40),
        ("{{ x }}", [BIG] * 40),
        ("{{ x }}", [{BIG: 1}] * 40),
        ("{{ x|join }}", [[BIG]] * 40),
    ],
)
def test_what_comes_to_too_much_is_not_made_first(text: str, value: Any) -> None:
    check_template(text)
    tracemalloc.start()
    try:
        with pytest.raises(TemplateFailed, match="more than 1,000,000 characters"):
            render(text, {"x": value})
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"": ""},
        [[], {}, "", None, 1],
        ["a" * 10, [{"b": [1, 2, {"c": []}]}]],
        {"k": ["v", 1.5]},
        [[0] * 9] * 9,
        ["é\n"],
    ],
)
@pytest.mark.parametrize("room", [0, 1, 8])
def test_no_json_is_thought_longer_than_it_is(monkeypatch: pytest.MonkeyPatch, value: Any, room: int) -> None:
    said = render(f"{{{{ x|tojson({room}) }}}}", {"x": value})
    monkeypatch.setattr(bounds, "MOST_CHARACTERS", len(said))
    assert render(f"{{{{ x|tojson({room}) }}}}", {"x": value}) == said


class Bait:
    """What a template must not get hold of."""

    secret = "secret"

    def method(self) -> str:
        return self.secret


@pytest.mark.parametrize(
    "text",
    [
        "{{ x.secret }}",
        "{{ x.method }}",
        "{{ x['secret'] }}",
        "{{ x }}",
        "{{ d.items }}",
        "{{ s.upper }}",
        "{{ l.append }}",
    ],
)
def test_of_an_object_that_is_no_json_nothing_is_taken(text: str) -> None:
    with pytest.raises(TemplateFailed):
        render(text, {"x": Bait(), "d": {}, "s": "s", "l": []})


def test_a_text_that_looks_like_a_template_is_a_text() -> None:
    assert render("{{ x }}", {"x": "{{ y }}{% for %}"}) == "{{ y }}{% for %}"


def test_no_filter_or_test_is_anybody_elses() -> None:
    environment = templates._sandbox
    assert environment.globals == {}
    assert set(environment.filters) == {*filters.FILTERS, grammar.WEIGHED, grammar.STEPS}
    assert set(environment.tests) == set(filters.TESTS)
    assert not environment.extensions


def test_every_refusal_is_one_of_ours(hostile_variables: dict[str, Any]) -> None:
    for text in [f"{{{{ x|{name} }}}}" for name in filters.FILTERS] + [
        f"{{{{ x|{name}(y) }}}}" for name in filters.FILTERS
    ]:
        for x in hostile_variables.values():
            for y in hostile_variables.values():
                with suppress(Refused):
                    render(text, {"x": x, "y": y})


@pytest.fixture
def hostile_variables() -> dict[str, Any]:
    """One of each kind."""
    return {
        "text": "a\ud800",
        "nothing": None,
        "truth": True,
        "number": -5,
        "big": 10**400,
        "nan": float("nan"),
        "infinite": float("inf"),
        "list": [1, "a", None, [{}]],
        "object": {"a": {"b": [1]}},
        "bytes": b"\xff",
        "bait": Bait(),
    }
