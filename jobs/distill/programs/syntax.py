"""Which Python the evaluator of sums knows; everything else is refused by name before anything is computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .functions import BUILT_IN, CONSTANTS, MATHS
from .outcome import Kind

CHARACTERS, NODES, DEPTH = 20_000, 5_000, 200

ALLOWED = (
    ast.Module, ast.Expr, ast.Constant, ast.Name, ast.Load, ast.Store, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare,
    ast.IfExp, ast.Call, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.If, ast.For, ast.While, ast.Break, ast.Continue,
    ast.Pass, ast.List, ast.Tuple, ast.Subscript, ast.Attribute, ast.FunctionDef, ast.arguments, ast.arg, ast.Return,
    ast.Import, ast.ImportFrom, ast.alias,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
CALLED = {  # what people call the things that are refused
    "Lambda": "lambda", "ClassDef": "a class", "AsyncFunctionDef": "async", "With": "with", "AsyncWith": "async with", "AsyncFor": "async for",
    "Try": "try", "TryStar": "try", "Raise": "raise", "Assert": "assert", "Delete": "del", "Global": "global", "Nonlocal": "nonlocal",
    "ListComp": "a comprehension", "SetComp": "a comprehension", "DictComp": "a comprehension", "GeneratorExp": "a generator",
    "Yield": "yield", "YieldFrom": "yield from", "Await": "await", "JoinedStr": "an f-string", "Dict": "a dictionary", "Set": "a set",
    "NamedExpr": ":=", "Starred": "*", "Slice": "a slice", "Match": "match", "LShift": "<<", "RShift": ">>", "BitOr": "|", "BitAnd": "&",
    "BitXor": "^", "Invert": "~", "MatMult": "@", "Is": "is", "IsNot": "is not", "Del": "del", "keyword": "a named argument",
}  # fmt: skip


CALLABLE = {"print", *BUILT_IN, *MATHS}


class Ended(Exception):
    """Why an evaluation came to its end before its result."""

    def __init__(self, kind: Kind, why: str, node: ast.AST | None = None) -> None:
        self.kind, self.why, self.line = kind, why, getattr(node, "lineno", None)


def parsed(program: str) -> ast.Module:
    """The syntax tree of a program; raises Ended for a text that is none."""
    if len(program) > CHARACTERS:
        raise Ended("refused", f"the program has {len(program):,} characters; {CHARACTERS:,} are allowed")
    try:
        return ast.parse(program)
    except SyntaxError as e:
        ended = Ended("refused", f"not Python: {e.msg}")
        ended.line = e.lineno
        raise ended from None
    except (ValueError, RecursionError, MemoryError):  # null bytes, half characters, thousands of brackets
        raise Ended(
            "refused", "not Python that can be read: nested too deeply, or characters that no text has"
        ) from None


def refuse(tree: ast.Module) -> None:
    """Raises for the first thing that is not on the list; nothing was computed yet."""
    placed: ast.AST = tree
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for seen, (node, depth) in enumerate(_walked(tree)):
        if seen >= NODES or depth > DEPTH:
            raise Ended("refused", f"the program is too large: {NODES:,} parts, {DEPTH} inside one another are allowed", node)  # fmt: skip
        name = type(node).__name__
        placed = node if hasattr(node, "lineno") else placed  # an operator stands where its sum does
        if not isinstance(node, ALLOWED):
            raise Ended("refused", f"{CALLED.get(name, name)} is not allowed", placed)
        _refuse_detail(node, depth)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in own | CALLABLE:
            raise Ended("refused", f"{node.func.id} is not a function that may be called", node)


def _walked(tree: ast.Module) -> Iterator[tuple[Any, int]]:
    """Every node in the order of the text, with its depth."""
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, depth = stack.pop()
        yield node, depth
        stack += [(child, depth + 1) for child in reversed(list(ast.iter_child_nodes(node)))]


def _refuse_detail(node: Any, depth: int) -> None:
    match node:
        case ast.Import(names=names) if [(n.name, n.asname) for n in names] != [("math", None)]:
            raise Ended("refused", f"import {names[0].name} is not allowed: only math may be imported", node)
        case ast.ImportFrom(module=module, names=names):
            unknown = [n.name for n in names if n.name not in MATHS and n.name not in CONSTANTS or n.asname]
            if module != "math" or unknown:
                raise Ended("refused", f"from {module} import {(unknown or [names[0].name])[0]} is not allowed", node)
        case ast.Attribute(value=value, attr=attr):
            if not (isinstance(value, ast.Name) and value.id == "math" and (attr in MATHS or attr in CONSTANTS)):
                raise Ended("refused", f".{attr} is not allowed", node)
            if not isinstance(node.ctx, ast.Load):
                raise Ended("refused", f"setting .{attr} is not allowed", node)
        case ast.Subscript() if not isinstance(node.ctx, ast.Load):
            raise Ended("refused", "setting a place of a list is not allowed", node)
        case ast.Name(id=name) if name.startswith("__"):
            raise Ended("refused", f"{name} is not allowed", node)
        case ast.Constant(value=value) if not isinstance(value, int | float | str | None):
            raise Ended("refused", f"a constant of type {type(value).__name__} is not allowed", node)
        case ast.FunctionDef(args=a):
            if depth != 1 or node.decorator_list or a.defaults or a.vararg or a.kwarg or a.kwonlyargs or a.kw_defaults:
                raise Ended("refused", "only plain functions at the outermost level are allowed", node)
        case ast.Call(func=func, keywords=keywords):
            if not isinstance(func, ast.Name | ast.Attribute):
                raise Ended("refused", "only a function with a name can be called", node)
            if keywords:
                raise Ended("refused", "a named argument is not allowed", node)
        case ast.For() | ast.While() if node.orelse:
            raise Ended("refused", "else after a loop is not allowed", node)
        case _:
            pass
