"""How long an endpoint is waited for, and what each status means for the question and for all others."""

from __future__ import annotations

import email.utils
import random
import time
from dataclasses import dataclass
from datetime import UTC

from .problems import FIELD, Again, Answered, Bad, EndpointFailed, Refusal, code_of, one_line, words

TOO_LONG = ("context_length_exceeded", "string_above_max_length", "context_window_exceeded")
FILTERED = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation")
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_error", "credit")


@dataclass(frozen=True)
class Patience:
    """Seconds of waiting, and how often a question is tried. `base` and `longest` bound the pause between two tries."""

    connect: float = 5.0
    first_byte: float = 120.0
    idle: float = 60.0
    total: float = 600.0
    base: float = 0.5
    longest: float = 60.0
    told: float = 600.0  # the longest pause that an endpoint may ask for
    tries: int = 6
    bad: int = 3  # tries where something came that is no answer
    busy: int = 20  # tries where the endpoint says that it was asked too often
    down: int = 20  # failures in a row, of all questions, after which the endpoint counts as down

    def pause(self, tries: int) -> float:
        """Full jitter: anywhere from nothing to a bound that doubles with each try."""
        return random.uniform(0, min(self.longest, self.base * 2 ** (tries - 1)))  # noqa: S311  # nosec B311


def retry_after(text: str, now: float | None = None) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; None when it holds neither."""
    text = text.strip()
    if text.replace(".", "", 1).isdecimal() and len(text) < 16:
        return float(text)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


def check_status(answer: Answered, host: str, model: str, key: str, patience: Patience) -> None:
    """Returns for 200. Raises Again or Refusal for this question, EndpointFailed for all."""
    status = answer.status
    if status == 200:
        return
    if 300 <= status < 400:
        place = one_line(answer.headers.get("location", "nowhere"), key)
        raise EndpointFailed(
            f"{host} answers with a redirect ({status}) to {place}. Redirects are not followed.",
            code="REDIRECT",
            field=f"{FIELD}.url",
            hint="If you trust that address, give it itself.",
        )
    said, code = words(answer, key), code_of(answer)
    if status == 402 or (status in (400, 403, 429) and any(c in code for c in NO_MONEY)):
        raise EndpointFailed(
            f"{host} asks for payment ({status}): {said}", code="TEACHER_UNPAID", field=FIELD,
            hint="Pay the provider or raise its limit, then go on: what was answered is kept.",
        )  # fmt: skip
    if status == 429:
        raise Again(f"{host} was asked too often ({status}): {said}", wait=_told(answer, patience), busy=True)
    if status in (408, 409, 425) or status >= 500:
        raise Again(f"{host} answered {status}: {said}", wait=_told(answer, patience))
    if status == 400 and any(c in code for c in FILTERED):
        raise Refusal(f"the endpoint's filter refused it: {said}")
    if status == 400 and any(c in code for c in TOO_LONG):
        raise Refusal(f"it is too long for the endpoint: {said}")
    if status < 200 or 200 < status < 300:
        raise Bad(f"{host} answered {status}, which is neither an answer nor an error.")
    raise _fatal(status, host, model, said)


def _fatal(status: int, host: str, model: str, said: str) -> EndpointFailed:
    if status in (401, 403):
        what = "is expired, wrong or missing" if status == 401 else "may not do this"
        return EndpointFailed(
            f"{host} refuses the key ({status}): {said}", code="KEY_REFUSED", field=f"{FIELD}.key_env",
            hint=f"The key {what}; give another one, then go on: what was answered is kept.",
        )  # fmt: skip
    if status == 404:
        return EndpointFailed(
            f"{host} does not know the model {model!r} or has nothing at this address (404): {said}",
            code="MODEL_UNKNOWN",
            field=f"{FIELD}.model",
            hint="Check the model's name and the address; the endpoint's test lists the models it has.",
        )
    return EndpointFailed(
        f"{host} refuses the request ({status}): {said}",
        field=FIELD,
        hint="Change what the endpoint does not take: length_field, seeds and extra say what is sent.",
    )


def _told(answer: Answered, patience: Patience) -> float | None:
    wait = retry_after(answer.headers.get("retry-after", ""))
    return None if wait is None else min(wait, patience.told)
