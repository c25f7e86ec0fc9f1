"""The functions that sums may call. Each is pure and takes numbers or a list of numbers; what could grow is bounded first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

BITS = 4096  # of a whole number
LONGEST = 10_000  # numbers in a list
FACTORIAL, CHOOSE, PLACES = 500, 1000, 100


class Refusal(Exception):
    """A limit or a value that no function takes, in words."""


def whole(value: Any) -> int:
    """A whole number; 4.0 is one, as results of a division often are."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, int):
        raise Refusal("a whole number is wanted")
    return int(value)


def short(value: Any) -> Any:
    """The number; refused where it is too long."""
    if isinstance(value, int) and value.bit_length() > BITS:
        raise Refusal(f"a number has more than {BITS:,} bits")
    return value


def listed(values: Any) -> list[int | float]:
    """The numbers of a list or range; refuses more than 10,000."""
    if not isinstance(values, list | tuple | range):
        raise Refusal("a list is wanted")
    # A range may be longer than any machine number, so its length is asked for only where it is short.
    if isinstance(values, range) and values and abs(values[-1] - values[0]) // abs(values.step) >= LONGEST:
        raise Refusal(f"a list may have {LONGEST:,} numbers")
    if len(values) > LONGEST:
        raise Refusal(f"a list may have {LONGEST:,} numbers")
    return list(values)


def power(base: int | float, exponent: int | float, modulus: Any = None) -> Any:
    """base ** exponent, refused before it is computed where the result would be too long."""
    if modulus is not None:
        return pow(whole(base), whole(exponent), whole(modulus))
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent > 0 and base.bit_length() * exponent > 2 * BITS:  # fmt: skip
        raise Refusal(f"the power has more than {BITS:,} bits")
    result = base**exponent
    if isinstance(result, complex):
        raise Refusal("the power of a negative number is not a real number")
    return result


def work(name: str, values: Sequence[Any]) -> int:
    """Steps that a call counts for besides its own: the numbers it goes through; of a power with a modulus the products it
    takes, one for each bit of the exponent, in pieces of 1,024 bits."""
    if name == "pow" and len(values) == 3:
        return whole(values[1]).bit_length() * whole(values[2]).bit_length() // 1024
    return sum(len(v) for v in values if isinstance(v, list | tuple))


def _round(value: int | float, places: Any = None) -> int | float:
    if places is None:
        return round(value)
    if abs(whole(places)) > PLACES:
        raise Refusal(f"at most {PLACES} places can be rounded to")
    return round(value, whole(places))


def _spread(numbers: Sequence[Any]) -> list[int | float]:
    """Of max(1, 2) and max([1, 2]) alike."""
    return listed(numbers[0]) if len(numbers) == 1 and not isinstance(numbers[0], int | float) else list(numbers)


def _product(values: Any) -> int | float:
    total: int | float = 1
    for value in listed(values):
        total = short(total * value)
    return total


def _lcm(*values: Any) -> int:
    total = 1
    for value in values:
        total = short(math.lcm(total, whole(value)))
    return total


def _factorial(n: Any) -> int:
    if whole(n) > FACTORIAL:
        raise Refusal(f"the factorial of {FACTORIAL} is the largest")
    return math.factorial(whole(n))


def _choose(function: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    def bounded(n: Any, k: Any) -> int:
        if max(abs(whole(n)), abs(whole(k))) > CHOOSE:
            raise Refusal(f"{function.__name__} takes numbers up to {CHOOSE:,}")
        return function(whole(n), whole(k))

    return bounded


def _range(*bounds: Any) -> range:
    return range(*map(whole, bounds))


def _len(values: Any) -> int:
    return len(listed(values))


MATHS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt, "ceil": math.ceil, "floor": math.floor, "trunc": math.trunc, "fabs": math.fabs, "exp": math.exp,
    "log": math.log, "log2": math.log2, "log10": math.log10, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "atan": math.atan, "radians": math.radians, "degrees": math.degrees, "hypot": math.hypot,
    "isqrt": lambda n: math.isqrt(whole(n)), "gcd": lambda *n: math.gcd(*map(whole, n)), "lcm": _lcm,
    "factorial": _factorial, "comb": _choose(math.comb), "perm": _choose(math.perm), "prod": _product, "pow": lambda a, b: float(power(float(a), float(b))),
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf}
BUILT_IN: dict[str, Callable[..., Any]] = {
    "abs": abs, "round": _round, "int": int, "float": float, "bool": bool, "pow": power, "divmod": divmod,
    "min": lambda *n: min(_spread(n)), "max": lambda *n: max(_spread(n)), "sum": lambda n: sum(listed(n)),
    "len": _len, "range": _range, "list": listed, "sorted": lambda n: sorted(listed(n)), "reversed": lambda n: listed(n)[::-1],
}  # fmt: skip
