"""Sums written as Python, computed without running any Python: an evaluator that walks the syntax tree.

It knows numbers, lists of numbers, names, arithmetic, comparisons, if, for, while, functions of the program itself and
about forty pure functions. Everything else is refused by name before anything is computed. Whole numbers have at most
4,096 bits, a program takes at most 100,000 steps; the same program gives the same result on every machine.

The result is what the program printed last; else what its function `solution()` returns; else the variable `answer`,
`result` or `ans`; else the value of its last line.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .functions import BUILT_IN, CONSTANTS, LONGEST, MATHS, Refusal, power, short, work
from .outcome import Number, Outcome
from .syntax import Ended, parsed, refuse

STEPS = 100_000
CALLS, PRINTED = 30, 1_000
RESULTS = ("answer", "result", "ans")

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: power,
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


def evaluate(program: str, steps: int = STEPS) -> Outcome:
    """The result of a program. Never raises: what went wrong is in the outcome."""
    run = _Run(steps)
    try:
        tree = parsed(program)
        refuse(tree)
        value = run.program(tree)
    except Ended as e:
        place = f"line {e.line}: " if e.line else ""
        return Outcome(e.kind, None, f"{place}{e.why}", e.line, run.steps, run.printed_text())
    except RecursionError:
        return Outcome("limit", None, "the program is nested too deeply", None, run.steps)
    return Outcome("ok", value, "", None, run.steps, run.printed_text())


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class _Run:
    """One evaluation. Names of the program live in `names`, those of a call in `local`."""

    def __init__(self, most: int) -> None:
        self.most, self.steps, self.calls = most, 0, 0
        self.names: dict[str, Any] = {}
        self.local: dict[str, Any] | None = None
        self.functions: dict[str, ast.FunctionDef] = {}
        self.printed: list[tuple[Any, ...]] = []

    def program(self, tree: ast.Module) -> Number:
        last: Any = None
        try:
            for node in tree.body:
                last = self.one(node)
        except (_Return, _Break, _Continue):
            raise Ended("failed", "return, break or continue stands outside of its place", tree.body[0]) from None
        return self._number(self._result(last))

    def _result(self, last: Any) -> Any:
        for values in reversed(self.printed):
            if found := [v for v in values if isinstance(v, int | float)]:
                return found[-1]
        function = self.functions.get("solution")
        if function is not None and not function.args.args:
            return self.call(function, [], function)
        return next((self.names[n] for n in RESULTS if n in self.names), last)

    def _number(self, value: Any) -> Number:
        if isinstance(value, list | tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, int | float):
            raise Ended("failed", "the program gives no number: print it, return it from solution() or call it answer")
        if isinstance(value, float) and not math.isfinite(value):
            raise Ended("failed", f"the result is {value}")
        return value

    def printed_text(self) -> str:
        return "\n".join(" ".join(map(str, values)) for values in self.printed)[:LONGEST]

    def step(self, node: ast.AST, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.most:
            raise Ended("limit", f"the program takes more than {self.most:,} steps", node)

    # Statements

    def body(self, nodes: Sequence[ast.stmt]) -> None:
        for node in nodes:
            self.one(node)

    def one(self, node: ast.stmt) -> Any:
        """Carries a statement out; gives its value where it has one."""
        self.step(node)
        match node:
            case ast.Expr(value=value):
                return self.value(value)
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self.assign(target, found)
                return found
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                found = self.binary(op, self.name(name, node), self.value(value), node)
                self.assign(node.target, found)
                return found
            case ast.AnnAssign(target=target, value=value):
                found = self.value(value) if value is not None else None
                if value is not None:
                    self.assign(target, found)
                return found
            case ast.If(test=test, body=body, orelse=orelse):
                self.body(body if self.value(test) else orelse)
            case ast.For(target=target, iter=over, body=body):
                self.loop(node, self.each(over), target, body)
            case ast.While(test=test, body=body):
                self.loop(node, iter(lambda: bool(self.value(test)), False), None, body)
            case ast.FunctionDef(name=name):
                self.functions[name] = node
            case ast.Return(value=value):
                raise _Return(self.value(value) if value is not None else None)
            case ast.Break():
                raise _Break
            case ast.Continue():
                raise _Continue
            case _:
                pass
        return None

    def loop(self, node: ast.stmt, over: Iterator[Any], target: ast.expr | None, body: Sequence[ast.stmt]) -> None:
        for item in over:
            self.step(node)
            if target is not None:
                self.assign(target, item)
            try:
                self.body(body)
            except _Break:
                break
            except _Continue:
                continue

    def each(self, node: ast.expr) -> Iterator[Any]:
        values = self.value(node)
        if not isinstance(values, list | tuple | range):
            raise Ended("failed", "for goes through a list or range only", node)
        return iter(values)

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            (self.names if self.local is None else self.local)[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, list | tuple) and len(value) == len(target.elts):  # fmt: skip
            for inner, item in zip(target.elts, value, strict=True):
                self.assign(inner, item)
        else:
            raise Ended("failed", "the value does not fit the names it is given to", target)

    # Values

    def value(self, node: ast.expr) -> Any:
        self.step(node)
        match node:
            case ast.Constant(value=value):
                return self.fits(value, node)
            case ast.Name(id=name):
                return self.name(name, node)
            case ast.BinOp(left=left, op=op, right=right):
                return self.binary(op, self.value(left), self.value(right), node)
            case ast.UnaryOp(op=op, operand=operand):
                found = self.value(operand)
                if isinstance(op, ast.Not):
                    return not found
                return self.guarded(operator.neg if isinstance(op, ast.USub) else operator.pos, [found], node)
            case ast.BoolOp(op=op, values=values):
                found = None
                for inner in values:
                    found = self.value(inner)
                    if bool(found) == isinstance(op, ast.Or):
                        break
                return found
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self.compare(self.value(left), ops, others, node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.value(body if self.value(test) else orelse)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return self.items(node, [self.value(i) for i in items])
            case ast.Subscript(value=value, slice=index):
                return self.guarded(_at, [self.value(value), self.value(index)], node)
            case ast.Attribute(attr=attr) if attr in CONSTANTS:
                return CONSTANTS[attr]
            case ast.Call(args=args):
                return self.called(node, [self.value(a) for a in args])
            case _:
                raise Ended("failed", "a function is not a number", node)

    def items(self, node: ast.AST, values: list[Any]) -> list[Any]:
        """Lists hold numbers and nothing else, so that none can grow by holding itself."""
        if not all(isinstance(v, int | float) for v in values):
            raise Ended("failed", "a list may hold numbers only", node)
        return values

    def name(self, name: str, node: ast.AST) -> Any:
        for known in (self.local or {}, self.names):
            if name in known:
                return known[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        raise Ended("failed", f"{name} has no value yet", node)

    def binary(self, op: ast.operator, a: Any, b: Any, node: ast.AST) -> Any:
        if not (isinstance(a, int | float) and isinstance(b, int | float)):
            raise Ended("failed", "only numbers can be computed with", node)
        return self.guarded(BINARY[type(op)], [a, b], node)

    def compare(self, left: Any, ops: Sequence[ast.cmpop], others: Sequence[ast.expr], node: ast.AST) -> bool:
        for op, other in zip(ops, others, strict=True):
            right = self.value(other)
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(right, list | tuple):
                    raise Ended("failed", "in looks into a list only", node)
                self.step(node, len(right))
                holds = (left in right) == isinstance(op, ast.In)
            elif isinstance(left, list) and isinstance(right, list):
                self.step(node, min(len(left), len(right)))
                holds = bool(self.guarded(COMPARE[type(op)], [left, right], node))
            else:
                holds = bool(self.guarded(COMPARE[type(op)], [left, right], node))
            if not holds:
                return False
            left = right
        return True

    def called(self, node: ast.Call, values: list[Any]) -> Any:
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if isinstance(func, ast.Name):
            if name == "print":
                return self.print(values, node)
            if name in self.functions:
                return self.call(self.functions[name], values, node)
        table = MATHS if isinstance(func, ast.Attribute) or name not in BUILT_IN else BUILT_IN
        if name not in table:  # a function of the program that is not defined yet
            raise Ended("failed", f"{name} has no value yet", node)
        if any(isinstance(v, str) for v in values):
            raise Ended("failed", f"{name} takes numbers, not text", node)
        self.step(node, self.guarded(work, [name, values], node))
        found = self.guarded(table[name], values, node)
        if isinstance(found, list | tuple):
            self.step(node, len(found))
        return found

    def print(self, values: list[Any], node: ast.AST) -> None:
        if len(self.printed) >= PRINTED:
            raise Ended("limit", f"the program prints more than {PRINTED:,} times", node)
        self.printed.append(tuple(v if isinstance(v, int | float | str) else "…" for v in values))

    def call(self, function: ast.FunctionDef, values: Sequence[Any], node: ast.AST) -> Any:
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if len(names) != len(values):
            raise Ended("failed", f"{function.name} takes {len(names)} numbers, {len(values)} are given", node)
        if self.calls >= CALLS:
            raise Ended("limit", f"functions call one another more than {CALLS} deep", node)
        outer, self.local, self.calls = self.local, dict(zip(names, values, strict=True)), self.calls + 1
        try:
            self.body(function.body)
        except _Return as e:
            return e.value
        except (_Break, _Continue):
            raise Ended("failed", "break or continue stands outside of a loop", function) from None
        finally:
            self.local, self.calls = outer, self.calls - 1
        return None

    def guarded(self, function: Callable[..., Any], values: Sequence[Any], node: ast.AST) -> Any:
        """The function's value; what it refuses becomes a sentence with the line."""
        try:
            return self.fits(function(*values), node)
        except Refusal as e:
            raise Ended("limit", str(e), node) from None
        except (ArithmeticError, ValueError, TypeError, IndexError) as e:
            raise Ended("failed", f"{e}", node) from None

    def fits(self, value: Any, node: ast.AST) -> Any:
        try:
            return short(value)
        except Refusal as e:
            raise Ended("limit", str(e), node) from None


def _at(values: Any, index: Any) -> Any:
    if not isinstance(values, list | tuple | range) or isinstance(index, list | tuple | range):
        raise TypeError("only a list has places")
    return values[index]
