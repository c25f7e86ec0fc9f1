"""The `= expression` of a system's stages: arithmetic over its options, read with `ast`, never with eval."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

Scalar = float | int | str | bool | list[str]

WHEN = "when"  # a stage that an option turns on and off

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def evaluate(text: str, names: Mapping[str, Scalar]) -> Scalar:
    """`1 - k` with {"k": 0.9} -> 0.1. Numbers, names, + - * / and brackets; ValueError for anything else."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as e:
        raise ValueError(f"{text!r} is not an expression") from e
    return _tidy(_value(tree.body, names, text))


def resolve(data: Any, names: Mapping[str, Scalar]) -> Any:
    """Plain data with every string `= expression` replaced by its value. What stands in a list with a `when` is there only
    where that is true; the `when` itself goes."""
    if isinstance(data, dict):
        return {key: resolve(value, names) for key, value in data.items() if key != WHEN}
    if isinstance(data, list):
        return [resolve(value, names) for value in data if _wanted(value, names)]
    return evaluate(data[1:], names) if isinstance(data, str) and data.startswith("=") else data


def names_in(data: Any) -> set[str]:
    """Option names that the expressions of plain data use."""
    if isinstance(data, (dict, list)):
        return set().union(*(names_in(v) for v in (data.values() if isinstance(data, dict) else data)))
    if isinstance(data, str) and data.startswith("="):
        return {n.id for n in ast.walk(ast.parse(data[1:].strip(), mode="eval")) if isinstance(n, ast.Name)}
    return set()


def _wanted(item: Any, names: Mapping[str, Scalar]) -> bool:
    return not isinstance(item, dict) or WHEN not in item or bool(resolve(item[WHEN], names))


def _value(node: ast.expr, names: Mapping[str, Scalar], text: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(f"{text!r} uses {node.id!r}, which is no option; options: {', '.join(names) or 'none'}")
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(_value(node.operand, names, text), text)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = (_number(_value(side, names, text), text) for side in (node.left, node.right))
        if isinstance(node.op, ast.Div) and right == 0:
            raise ValueError(f"{text!r} divides by zero")
        return _BINARY[type(node.op)](left, right)
    raise ValueError(f"{text!r} may only use numbers, options, + - * / and brackets")


def _number(value: Any, text: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{text!r} computes with {value!r}, which is no number")
    return value


def _tidy(value: Any) -> Any:
    """0.09999999999999998 (1 - 0.9) reads as 0.1 in the recipe a person sees."""
    return round(value, 12) if isinstance(value, float) else value
