"""Arithmetic on text nobody vouches for: exact integers, decimals of 50 digits, a few functions; no names, no eval,
and bounds on size, so that no expression takes long."""

import ast
import decimal
import operator
import re
from collections.abc import Callable
from decimal import Decimal

LONGEST = 500
"""Characters of an expression; also bounds how deep it can be nested."""
MOST_BITS = 10_000
"""Of an integer: some 3,000 digits."""
CONTEXT = decimal.Context(
    prec=50,
    Emax=3_000,
    Emin=-3_000,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
READABLE = re.compile(r"[\w\s.,+*/%()-]+", re.ASCII)
Number = int | Decimal


class NotArithmetic(ValueError):
    """The text is no expression that can be worked out; says what is wrong with it."""


def evaluate(expression: str) -> Number:
    """The value: an int where all is whole, else a Decimal. Raises NotArithmetic."""
    if len(expression) > LONGEST:
        raise NotArithmetic(f"the expression is longer than {LONGEST} characters")
    text = expression.strip().replace("^", "**")
    if not READABLE.fullmatch(text):
        raise NotArithmetic(UNREADABLE)
    with decimal.localcontext(CONTEXT):
        try:
            return _value(ast.parse(text, mode="eval").body, text)
        except (SyntaxError, RecursionError, MemoryError):
            raise NotArithmetic("it cannot be read as an expression") from None
        except (ZeroDivisionError, decimal.DivisionByZero):
            raise NotArithmetic("division by zero") from None
        except decimal.Overflow:
            raise NotArithmetic("the result is too large") from None
        except (decimal.InvalidOperation, TypeError, ValueError) as error:
            raise error if isinstance(error, NotArithmetic) else NotArithmetic("the operation is not defined") from None


def written(number: Number) -> str:
    """The number as people write it: no trailing zeros, an exponent only where there would be many."""
    if isinstance(number, int):
        return str(number)
    with decimal.localcontext(CONTEXT):
        number = number.normalize()
    return format(number, "f" if -20 <= number.adjusted() <= 50 else "e")


def _power(base: Number, exponent: Number) -> Number:
    if not isinstance(base, int) or not isinstance(exponent, int) or exponent < 0:
        return Decimal(base) ** Decimal(exponent)
    if base.bit_length() * exponent > MOST_BITS and abs(base) > 1:
        raise NotArithmetic("the result is too large")
    result: int = base**exponent
    return result


def _divided(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int) and one % other == 0:
        return one // other
    return Decimal(one) / Decimal(other)


def _floor_divided(one: Number, other: Number) -> Number:
    if isinstance(one, int) and isinstance(other, int):
        return one // other
    return (Decimal(one) / Decimal(other)).to_integral_value(decimal.ROUND_FLOOR)


def _remainder(one: Number, other: Number) -> Number:
    """With the sign of the divisor, as for integers; Decimal's own would take the dividend's."""
    return one % other if isinstance(one, int) and isinstance(other, int) else one - other * _floor_divided(one, other)


def _rounded(number: Number, digits: Number = 0) -> Number:
    if not isinstance(digits, int) or not -CONTEXT.prec <= digits <= CONTEXT.prec:
        raise NotArithmetic("a number of digits is a whole number up to 50")
    if isinstance(number, int):
        return round(number, digits)
    return round(number, digits) if digits > 0 else int(round(number, digits))


BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divided,
    ast.FloorDiv: _floor_divided,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
UNARY: dict[type[ast.unaryop], Callable[[Number], Number]] = {
    ast.UAdd: lambda number: number,
    ast.USub: lambda number: -number,
}
FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": abs,
    "max": max,
    "min": min,
    "round": _rounded,
    "sqrt": lambda number: Decimal(number).sqrt(),
}
UNREADABLE = f"only numbers, + - * / // % ** ( ) and {', '.join(FUNCTIONS)} are understood"


def _value(node: ast.expr, text: str) -> Number:
    match node:
        case ast.Constant():
            return _bounded(_constant(node, text))
        case ast.UnaryOp(op=sign) if type(sign) in UNARY:
            return UNARY[type(sign)](_value(node.operand, text))
        case ast.BinOp(op=sign) if type(sign) in BINARY:
            return _bounded(BINARY[type(sign)](_value(node.left, text), _value(node.right, text)))
        case ast.Call(func=ast.Name(id=name), keywords=[]) if name in FUNCTIONS:
            return _bounded(FUNCTIONS[name](*(_value(argument, text) for argument in node.args)))
    raise NotArithmetic(UNREADABLE)


def _constant(node: ast.Constant, text: str) -> Number:
    """Decimals from their own text: 0.1 is a tenth here."""
    if type(node.value) is int:
        return node.value
    if type(node.value) is float:
        return decimal.getcontext().create_decimal(ast.get_source_segment(text, node) or "")
    raise NotArithmetic(UNREADABLE)


def _bounded(number: Number) -> Number:
    if isinstance(number, int) and number.bit_length() > MOST_BITS:
        raise NotArithmetic("the result is too large")
    if isinstance(number, Decimal) and not number.is_finite():  # 0 ** -1 signals nothing
        raise NotArithmetic("the operation is not defined")
    return number
