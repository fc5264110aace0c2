"""What a template may contain: a white list over its syntax tree, which is bounded and gets its limits built in.
Plain; called by `templates` before anything is compiled."""

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from bus.exceptions import Invalid, NotFound
from sessions_app.orchestration.filters import FILTERS, TESTS

MOST_NODES, OF_A_LOOP = 1_500, 3
"""Compiled in about a tenth of a second; a loop costs as much as so many."""
MOST_TOKENS = 10_000
"""Counted before anything is parsed."""
DEEPEST = 40
"""Expressions in expressions, statements in statements: below what the compiler takes."""
MOST_LOOPS = 2
MOST_INCLUDES = 10
"""Prompts that include each other, in a row."""
MOST_PLACES = 50
"""Includes in all."""
MOST_INCLUDED = 1_000_000
"""Characters of all included prompts."""
LONGEST_NAME = 100
RESERVED = frozenset({"self", "super", "caller", "varargs", "kwargs", "loop"})
WEIGHED, STEPS = " weighed", " steps"
"""Filters of ours, under names that no template can write."""
UNREADABLE = (ValueError, RecursionError, MemoryError, OverflowError, SyntaxError)
"""What parser and compiler raise of texts that are meant to break them."""

COMPOSED = (
    *(nodes.List, nodes.Tuple, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Neg),
)
_ARITHMETIC = (nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)

Path = tuple[str, ...]
Read = Callable[[str], str]
"""The text of a named prompt. Raises NotFound."""

_SAID: dict[type[nodes.Node], str] = {
    nodes.Call: "calls are not allowed",
    nodes.Extends: "templates do not extend others",
    **dict.fromkeys(_ARITHMETIC, "of arithmetic there is + and - only"),
}


class At(NamedTuple):
    """Where the reader is: names that are not variables, how deep, in how many loops, in which prompts."""

    scope: frozenset[str] = frozenset()
    depth: int = 0
    loops: int = 0
    prompts: Path = ()


class Grammar:
    """Reads one template; `paths` are the variables it uses, with what it takes of them, `optional` the names of those
    that it asks for before it uses them: with `default`, `is defined`; `texts` the prompts it includes, by name."""

    def __init__(self, environment: Environment, read: Read | None = None) -> None:
        self._environment = environment
        self._read = read
        self._tokens = 0
        self._places = 0
        self._included = 0
        self.count = 0
        self.texts: dict[str, str] = {}
        self.paths: set[Path] = set()
        self.optional: set[str] = set()

    def template(self, text: str, name: str = "") -> nodes.Template:
        """The tree of a template, ready to be compiled. Raises Invalid."""
        at = At(prompts=(name,) if name else ())
        tree = self._parsed(text, at)
        tree.body = self._body(tree.body, at)
        return tree

    def condition(self, text: str) -> nodes.Template:
        """The tree of a template that is "1" where an expression holds, and empty where it does not. Raises Invalid."""
        try:
            parser = Parser(self._environment, text, state="variable")
            expression = parser.parse_expression()
            if not parser.stream.eos:
                raise Invalid(f"A condition is one expression; there is more after it: {text!r:.100}")
        except TemplateSyntaxError as error:
            raise Invalid(f"The condition cannot be read: {error.message}") from None
        except UNREADABLE:
            raise Invalid("The condition cannot be read.") from None
        self._expression(expression, At())
        said = nodes.CondExpr(expression, nodes.Const("1"), nodes.Const(""))
        tree = nodes.Template([nodes.Output([said])])
        tree.set_lineno(1, override=True)
        return tree.set_environment(self._environment)  # type: ignore[return-value]

    def _parsed(self, text: str, at: At) -> nodes.Template:
        try:
            self._lex(text, at)
            return self._environment.parse(text)
        except TemplateSyntaxError as error:
            raise _refused(error.lineno, error.message or "cannot be read", at) from None
        except UNREADABLE:
            raise _refused(
                1, "the template cannot be read: it is nested too deeply, or a number is too long", at
            ) from None

    def _lex(self, text: str, at: At) -> None:
        for line, kind, _ in self._environment.lex(text):
            self._tokens += kind != "whitespace"
            if self._tokens > MOST_TOKENS:
                raise _refused(line, f"the template has more than {MOST_NODES:,} parts", at)

    # -- statements ------------------------------------------------------------------------------------------------

    def _body(self, body: Iterable[nodes.Node], at: At) -> list[nodes.Node]:
        kept: list[nodes.Node] = []
        for node in body:
            self._enter(node, at)
            if isinstance(node, nodes.Include):
                kept += self._include(node, at)
            else:
                self._statement(node, at._replace(depth=at.depth + 1))
                kept.append(node)
        return kept

    def _statement(self, node: nodes.Node, at: At) -> None:
        match node:
            case nodes.Output():
                for child in node.nodes:
                    if not isinstance(child, nodes.TemplateData):
                        self._expression(child, at)
            case nodes.If():
                self._expression(node.test, at)
                node.body, node.else_ = self._body(node.body, at), self._body(node.else_, at)
                for other in node.elif_:
                    self._statement(other, at)
            case nodes.For():
                self._loop(node, at)
            case _:
                raise _not_allowed(node, at)

    def _loop(self, node: nodes.For, at: At) -> None:
        if node.recursive or at.loops >= MOST_LOOPS:
            raise _refused(node.lineno, f"loops go {MOST_LOOPS} deep, and not into themselves", at)
        self._expression(node.iter, at)
        names = node.target.items if isinstance(node.target, nodes.Tuple) else [node.target]
        if not all(isinstance(name, nodes.Name) and name.name not in RESERVED for name in names):
            raise _refused(node.lineno, "a loop gives its items plain names", at)
        self.count += OF_A_LOOP - 1
        inner = at._replace(scope=at.scope | {"loop", *(name.name for name in names)}, loops=at.loops + 1)  # type: ignore[attr-defined]
        before = self.count
        if node.test is not None:
            self._expression(node.test, inner)
        node.body = self._body(node.body, inner)
        size = nodes.Const(1 + self.count - before)
        node.iter = self._filtered(node.iter, STEPS, [size])
        node.else_ = self._body(node.else_, at)

    def _include(self, node: nodes.Include, at: At) -> list[nodes.Node]:
        """The prompt's own statements in place of the include."""
        wanted = node.template
        if not isinstance(wanted, nodes.Const) or not isinstance(wanted.value, str) or node.ignore_missing:
            raise _refused(node.lineno, 'a prompt is included by its name: {% include "name" %}', at)
        name = wanted.value[:LONGEST_NAME]
        if name in at.prompts:
            loop = (*at.prompts[at.prompts.index(name) :], name)
            raise Invalid(f"template loop: {' → '.join(loop)}")
        if len(at.prompts) >= MOST_INCLUDES:
            raise _refused(node.lineno, f"prompts include each other more than {MOST_INCLUDES} deep", at)
        self._places += 1
        if self._places > MOST_PLACES:
            raise _refused(node.lineno, f"prompts are included in more than {MOST_PLACES} places", at)
        text = self._text(name, node, at)
        inner = at._replace(prompts=(*at.prompts, name))
        self._included += len(text)
        if self._included > MOST_INCLUDED:
            raise _refused(node.lineno, f"included prompts come to more than {MOST_INCLUDED:,} characters", at)
        return self._body(self._parsed(text, inner).body, inner)

    def _text(self, name: str, node: nodes.Node, at: At) -> str:
        if self._read is None:
            raise _refused(node.lineno, "nothing can be included here", at)
        try:
            if name not in self.texts:
                self.texts[name] = self._read(name)
            return self.texts[name]
        except NotFound:
            raise _refused(node.lineno, f"there is no prompt {name!r} to include", at) from None

    # -- expressions -----------------------------------------------------------------------------------------------

    def _expression(self, node: nodes.Node, at: At) -> None:
        self._enter(node, at)
        inner = at._replace(depth=at.depth + 1)
        match node:
            case nodes.Const() if isinstance(node.value, float) and not isfinite(node.value):
                raise _refused(node.lineno, "a number is too large", at)
            case nodes.Const():
                pass
            case nodes.Name() | nodes.Getattr() | nodes.Getitem():
                self._access(node, inner)
            case nodes.Filter() | nodes.Test():
                self._named(node, inner)
            case nodes.Compare():
                self._compare(node, inner)
            case _ if isinstance(node, COMPOSED):
                self._composed(node, inner)
            case _:
                raise _not_allowed(node, at)

    def _composed(self, node: nodes.Expr, at: At) -> None:
        if isinstance(node, nodes.CondExpr) and node.expr2 is None:
            raise _refused(node.lineno, "'… if …' needs an else", at)
        children = list(node.iter_child_nodes())
        if isinstance(node, nodes.List | nodes.Tuple) and not all(isinstance(item, nodes.Const) for item in children):
            raise _refused(node.lineno, "a list in a template has constants only", at)
        for child in children:
            self._expression(child, at)

    def _access(self, node: nodes.Expr, at: At) -> None:
        """A name with what is taken of it."""
        keys: list[str] = []
        while isinstance(node, (nodes.Getattr, nodes.Getitem)):
            keys.append(self._key(node, at))
            self._enter(node, at._replace(depth=at.depth + len(keys)))
            node = node.node
        if not isinstance(node, nodes.Name):
            self._expression(node, at._replace(depth=at.depth + len(keys)))
        elif node.name not in at.scope:
            if node.name in RESERVED or node.name.startswith("_"):
                raise _refused(node.lineno, f"{node.name!r} is no name of a variable", at)
            self.paths.add((node.name, *reversed(keys)))

    def _key(self, node: nodes.Getattr | nodes.Getitem, at: At) -> str:
        key: Any = node.attr if isinstance(node, nodes.Getattr) else node.arg
        if isinstance(key, nodes.Neg):
            key = key.node
        if isinstance(key, nodes.Const):
            key = key.value
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise _refused(node.lineno, "an item is taken by a constant name or number", at)
        if isinstance(key, str) and key.startswith("_"):
            raise _refused(node.lineno, f"{key[:40]!r} is not for templates", at)
        return str(key)

    def _named(self, node: nodes.Filter | nodes.Test, at: At) -> None:
        known: dict[str, Any] = FILTERS if isinstance(node, nodes.Filter) else TESTS
        what = "filter" if isinstance(node, nodes.Filter) else "test"
        if node.name not in known or node.node is None:
            raise _refused(node.lineno, f"there is no {what} {node.name[:40]!r}; there are {', '.join(known)}", at)
        if node.kwargs or node.dyn_args or node.dyn_kwargs or (node.args and what == "test"):
            raise _refused(node.lineno, f"the {what} {node.name!r} takes no such arguments", at)
        if node.name in ("default", "defined", "undefined"):
            asked: Any = node.node
            while isinstance(asked, (nodes.Getattr, nodes.Getitem)):
                asked = asked.node
            if isinstance(asked, nodes.Name):
                self.optional.add(asked.name)
        for child in (node.node, *node.args):
            self._expression(child, at)

    def _compare(self, node: nodes.Compare, at: At) -> None:
        parts: list[Any] = [node, *node.ops]
        for part in parts:
            self._expression(part.expr, at)
            part.expr = self._filtered(part.expr, WEIGHED, [])

    def _filtered(self, node: Any, name: str, arguments: list[nodes.Expr]) -> nodes.Filter:
        made = nodes.Filter(node, name, arguments, [], None, None)
        made.set_lineno(node.lineno)
        made.set_environment(self._environment)
        return made

    def _enter(self, node: nodes.Node, at: At) -> None:
        self.count += 1
        if self.count > MOST_NODES:
            raise _refused(node.lineno, f"the template has more than {MOST_NODES:,} parts", at)
        if at.depth > DEEPEST:
            raise _refused(node.lineno, "the template is nested too deeply", at)


def _not_allowed(node: nodes.Node, at: At) -> Invalid:
    said = _SAID.get(type(node), f"'{type(node).__name__.lower()}' is not allowed in templates")
    return _refused(node.lineno, said, at)


def _refused(line: int, why: str, at: At) -> Invalid:
    where = f"In the prompt {at.prompts[-1]!r}, line" if len(at.prompts) > 1 else "Line"
    return Invalid(f"{where} {line}: {why}.")
