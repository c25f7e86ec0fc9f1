"""Every error of the API has one form: {code, message, field?, hint?}. Bodies are read strictly."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from jobs.distill.errors import DistillError

STATUS = {
    "ARTIFACT_DAMAGED": 409, "RUN_STATE": 409, "REVIEW_STALE": 409, "REVIEW_NOT_YOURS": 409,
    "DATASET_IN_USE": 409, "DATASET_CHANGED": 409, "DRAFT_CHANGED": 409, "MODEL_CHANGED": 409,
    "TOO_LARGE": 413, "HUB_UNAVAILABLE": 503, "TRANSIENT": 503, "DISK_FULL": 507,
    "UPLOAD_OFFSET": 409, "TOO_MANY_UPLOADS": 429,
}  # fmt: skip
DEEPEST = 100


class Refusal(DistillError):
    """An answer other than 200 with its own status."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message, code=code, **more)
        self.status = status


class StrictParser(Parser):
    """JSON without NaN, duplicate keys, NUL or half characters: things Python accepts and a database does not."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            data = json.loads(request.body, object_pairs_hook=_once, parse_constant=_no_constant)
        except RecursionError:
            raise Refusal(422, "INPUT_INVALID", "The body is nested too deeply.") from None
        except ValueError as e:
            raise Refusal(400, "NOT_JSON", f"The body is not JSON: {e}."[:300]) from None
        _check(data, "body", 0)
        return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in pairs:
        if key in out:
            raise ValueError(f"the key {key[:60]!r} stands twice in one object")
        out[key] = value
    return out


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: Any, path: str, depth: int) -> None:
    if depth > DEEPEST:
        raise Refusal(422, "INPUT_INVALID", "The body is nested too deeply.", field=path[:200])
    if isinstance(value, str) and ("\x00" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise Refusal(
            422,
            "INPUT_INVALID",
            f"{path[:200]} holds a character that is not text (NUL or half a surrogate pair).",
            field=path[:200],
        )
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise Refusal(422, "INPUT_INVALID", f"{path[:200]} is larger than any number here.", field=path[:200])
    if isinstance(value, int) and abs(value) > 2**63:
        raise Refusal(422, "INPUT_INVALID", f"{path[:200]} is larger than any number here.", field=path[:200])
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(key, str):
            _check(key, path, depth)
        _check(item, f"{path}.{key}", depth + 1)


def install(api: NinjaAPI) -> None:
    """Handlers from the special to the general; nothing a client sends ends as a page or a stack trace."""

    def answer(request: HttpRequest, status: int, code: str, message: str, **more: Any) -> HttpResponse:
        return api.create_response(
            request,
            {"code": code, "message": message, **{k: v for k, v in more.items() if v is not None}},
            status=status,
        )

    @api.exception_handler(DistillError)
    def distill(request: HttpRequest, e: DistillError) -> HttpResponse:
        status = e.status if isinstance(e, Refusal) else STATUS.get(e.code, 422)
        return api.create_response(request, e.as_dict(), status=status)

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, e: ValidationError) -> HttpResponse:
        problems = [
            {"field": ".".join(str(p) for p in err["loc"][1:]) or str(err["loc"][0]), "message": str(err["msg"])}
            for err in e.errors[:50]
        ]
        first = problems[0] if problems else {"field": None, "message": "The request does not have the expected form."}
        return answer(
            request,
            422,
            "INPUT_INVALID",
            f"{first['field']}: {first['message']}.",
            field=first["field"],
            problems=problems,
        )

    @api.exception_handler(AuthenticationError)
    def unknown(request: HttpRequest, e: AuthenticationError) -> HttpResponse:
        response = answer(
            request,
            401,
            "SIGN_IN",
            "Sign in, or send a valid token.",
            hint="Authorization: Bearer wb_... (make one under Settings).",
        )
        response["WWW-Authenticate"] = "Bearer"
        return response

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, e: Http404) -> HttpResponse:
        return answer(request, 404, "NOT_FOUND", str(e) or "There is nothing with this id.")

    @api.exception_handler(PermissionDenied)
    def denied(request: HttpRequest, e: PermissionDenied) -> HttpResponse:
        return answer(request, 403, "ROLE", str(e) or "Your role does not allow this.")

    @api.exception_handler(RequestDataTooBig)
    def large(request: HttpRequest, e: RequestDataTooBig) -> HttpResponse:
        return answer(request, 413, "TOO_LARGE", "The body is larger than this address takes.")

    @api.exception_handler(HttpError)
    def other(request: HttpRequest, e: HttpError) -> HttpResponse:
        return answer(request, e.status_code, "REQUEST", str(e))
