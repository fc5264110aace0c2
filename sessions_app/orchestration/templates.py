"""Templates of prompts, and conditions: text with variables that is rendered without escaping, in a sandbox, in bounds.
Plain; the values are JSON, and nothing but items is taken of them. Used by `prompts` and by graphs."""

from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

from jinja2 import Template, Undefined, UndefinedError, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bus.exceptions import Invalid, NotFound
from sessions_app.orchestration import filters
from sessions_app.orchestration.bounds import MOST_CHARACTERS, TemplateFailed, Work, work
from sessions_app.orchestration.filters import Missing
from sessions_app.orchestration.grammar import STEPS, UNREADABLE, WEIGHED, Grammar, Path, Read

__all__ = [
    "TemplateFailed",
    "Used",
    "check_condition",
    "check_template",
    "holds",
    "paths_in",
    "render",
    "used_in",
    "used_in_condition",
]

LONGEST, LONGEST_CONDITION = 100_000, 2_000
"""Characters of a template, of a condition."""
KEPT = 256
"""Compiled conditions a process keeps."""
MOST_KEPT, OF_A_NODE = 16_000_000, 250
"""Of the compiled templates it keeps: their characters, and for each node so many more, about the bytes it takes."""
OF_LOOPS = frozenset({"index", "index0", "first", "last", "length"})


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without its globals, filters and tests; `a.b` is the item b of a, and never an attribute."""

    intercepted_binops = frozenset({"+", "-"})

    def __init__(self) -> None:
        super().__init__(
            undefined=Missing,
            finalize=filters.written,
            autoescape=False,
            optimized=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals = {}
        self.filters = {**filters.FILTERS, WEIGHED: filters.weighed, STEPS: filters.steps}
        self.tests = dict(filters.TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The item of that name."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An item of an object or a list; what a loop knows of itself."""
        if isinstance(obj, LoopContext) and argument in OF_LOOPS:
            return getattr(obj, argument)
        if isinstance(obj, dict) and argument in obj:
            return obj[argument]
        if isinstance(obj, (list, tuple)) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, Undefined):
            str(obj)  # which fails, and names what is missing first
        return self.undefined(name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """`+` and `-`."""
        return filters.added(left, right) if operator == "+" else filters.subtracted(left, right)

    def is_safe_callable(self, obj: Any) -> bool:
        """Nothing is called."""
        return False


_sandbox = Sandbox()


class Used(NamedTuple):
    """The variables a template uses with what it takes of them; it can do without the `optional` ones."""

    paths: frozenset[Path]
    optional: frozenset[str]


class Compiled(NamedTuple):
    """A template, what it uses, and the prompts it includes as they were."""

    template: Template
    used: Used
    texts: dict[str, str]
    size: int


class Shelf:
    """The templates that were used last, as many as fit."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._kept: OrderedDict[tuple[str, str], Compiled] = OrderedDict()
        self._lock = Lock()

    def get(self, text: str, name: str) -> Compiled | None:
        """A template, by its text and its name."""
        with self._lock:
            found = self._kept.get((text, name))
            if found is not None:
                self._kept.move_to_end((text, name))
            return found

    def put(self, text: str, name: str, compiled: Compiled) -> None:
        """Keep it; those unused for longest make room."""
        with self._lock:
            old = self._kept.pop((text, name), None)
            self._left += old.size if old else 0
            self._kept[text, name] = compiled
            self._left -= compiled.size
            while self._left < 0:
                self._left += self._kept.popitem(last=False)[1].size


_shelf = Shelf(MOST_KEPT)


def check_template(text: str, *, read: Read | None = None, name: str = "") -> frozenset[str]:
    """The names of the variables a template uses. `read` gives the prompts it may include, `name` is its own.

    Raises Invalid, with the line and what is wrong there."""
    return frozenset(path[0] for path in paths_in(text, read=read, name=name))


def check_condition(text: str) -> frozenset[str]:
    """The names of the variables a condition uses. Raises Invalid."""
    return frozenset(path[0] for path in used_in_condition(text).paths)


def paths_in(text: str, *, read: Read | None = None, name: str = "") -> frozenset[Path]:
    """What a template uses: ("nodes", "a", "output") of `{{ nodes.a.output }}`. Raises Invalid."""
    return used_in(text, read=read, name=name).paths


def used_in(text: str, *, read: Read | None = None, name: str = "") -> Used:
    """The same, and the names of the variables it can do without: it asks whether they are there. Raises Invalid."""
    return _compiled(text, read, name).used


def used_in_condition(text: str) -> Used:
    """The same of a condition. Raises Invalid."""
    return _condition(text).used


def render(text: str, variables: dict[str, Any], *, read: Read | None = None, name: str = "") -> str:
    """The text that comes of a template and JSON values: texts stand as they are, other values as JSON.

    Raises Invalid of the template itself, and TemplateFailed, which names a variable that is undefined."""
    return _rendered(_compiled(text, read, name), variables)


def holds(text: str, variables: dict[str, Any]) -> bool:
    """Whether a condition holds: what it comes to is true, not empty, not 0. Raises Invalid, TemplateFailed."""
    return bool(_rendered(_condition(text), variables))


def _compiled(text: str, read: Read | None, name: str) -> Compiled:
    if len(text) > LONGEST:
        raise Invalid(f"A template has at most {LONGEST:,} characters; this one has {len(text):,}.")
    compiled = _shelf.get(text, name)
    if compiled is None or not _as_it_was(compiled, read):
        grammar = Grammar(_sandbox, read)
        compiled = _ready(grammar, grammar.template(text, name), len(text))
        _shelf.put(text, name, compiled)
    return compiled


def _as_it_was(compiled: Compiled, read: Read | None) -> bool:
    """Whether what it includes still says the same."""
    try:
        return all(read is not None and read(name) == text for name, text in compiled.texts.items())
    except NotFound:
        return False


@lru_cache(KEPT)
def _condition(text: str) -> Compiled:
    if len(text) > LONGEST_CONDITION:
        raise Invalid(f"A condition has at most {LONGEST_CONDITION:,} characters; this one has {len(text):,}.")
    grammar = Grammar(_sandbox)
    return _ready(grammar, grammar.condition(text), len(text))


def _ready(grammar: Grammar, tree: nodes.Template, length: int) -> Compiled:
    used = Used(frozenset(grammar.paths), frozenset(grammar.optional))
    size = length + sum(map(len, grammar.texts.values())) + OF_A_NODE * grammar.count
    token = work.set(Work())  # what is constant is worked out here
    try:
        return Compiled(_sandbox.from_string(tree), used, grammar.texts, size)
    except UNREADABLE:
        raise Invalid("The template is nested too deeply.") from None
    finally:
        work.reset(token)


def _rendered(compiled: Compiled, variables: dict[str, Any]) -> str:
    pieces: list[str] = []
    length = 0
    token = work.set(Work())
    try:
        for piece in compiled.template.generate(variables):
            length += len(piece)
            if length > MOST_CHARACTERS:
                raise TemplateFailed(f"The text comes to more than {MOST_CHARACTERS:,} characters.")
            pieces.append(piece)
    except UndefinedError as error:
        raise TemplateFailed(_named(error.message or "", compiled.used.paths, variables)) from None
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
        raise TemplateFailed(f"The template cannot be rendered: {error!s:.300}.") from None
    finally:
        work.reset(token)
    return "".join(pieces)


def _named(message: str, paths: frozenset[Path], variables: dict[str, Any]) -> str:
    """The message, with the whole path of what is undefined."""
    missing = message.removesuffix(" is undefined")
    for path in sorted(paths):
        value: Any = variables
        for depth, key in enumerate(path):
            value = _sandbox.getitem(value, int(key) if isinstance(value, list) and key.isdecimal() else key)
            if isinstance(value, Undefined):
                if key == missing:
                    return f"{'.'.join(path[: depth + 1])} is undefined."
                break
    return f"{message[:300]}."
