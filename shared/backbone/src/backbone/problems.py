"""Every refusal as a problem document (RFC 9457): what was refused, each reason, how to satisfy it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.routing import Match

from backbone.telemetry import current_trace
from backbone.validation import code_of
from reliefpath.lifecycle import Finding, ReasonKind, Refused

TYPE_PREFIX: Final = "https://reliefpath.example/problems/"
MEDIA_TYPE: Final = "application/problem+json"


class Reason(BaseModel):
    """One reason of a problem. `pointer` is a JSON pointer into what was sent, when one place is to blame."""

    code: str
    message: str
    satisfy: str | None = None
    pointer: str | None = None
    rules: tuple[str, ...] = ()


class ProblemDocument(BaseModel):
    """The body of every refusal."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    errors: list[Reason] = []
    allowed_actions: list[str] = []
    trace_id: str | None = None


class Problem(Exception):
    """A refusal, ready to be shown."""

    status: int = 500
    code: str = "internal"
    title: str = "Something went wrong here"

    def __init__(
        self,
        detail: str,
        reasons: Iterable[Reason] = (),
        *,
        headers: Mapping[str, str] | None = None,
        allowed: Iterable[str] = (),
        **more: Any,
    ) -> None:
        self.detail = detail
        self.reasons = list(reasons)
        self.headers = dict(headers or {})
        self.allowed = list(allowed)
        self.more = more
        super().__init__(detail)

    def document(self) -> ProblemDocument:
        """The problem as its document."""
        trace = current_trace()
        return ProblemDocument(
            type=TYPE_PREFIX + self.code,
            title=self.title,
            status=self.status,
            detail=self.detail,
            errors=self.reasons,
            allowed_actions=self.allowed,
            trace_id=trace.split("-")[1] if trace else None,
            **self.more,
        )

    def response(self) -> Response:
        """The problem as an HTTP response."""
        body = self.document().model_dump_json(exclude_none=True)
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


CONFLICTS: Final = {
    "already-ended": "It has ended already",
    "clock-goes-back": "The clock does not go back",
    "earlier-missing": "An earlier event has not been heard",
    "events-gone": "What followed there is not kept any more",
    "exists-differently": "It exists already, and differs",
    "not-first": "An earlier event is held",
    "not-parked": "It goes on by itself",
    "offset-not-gone": "The partition is read on by itself",
    "open-duplicate": "Such a referral is open already",
    "resource-taken": "The resource is taken at that time",
}
"""Every conflict by its code, with its title."""


class Malformed(Problem):
    """What came is no HTTP or no JSON, or its If-Match is no ETag."""

    status, code, title = 400, "malformed", "The request cannot be read"


class KeyMissing(Problem):
    """Whatever may be repeated needs a key, by which a repetition is known. One that is too long is none."""

    status, code, title = 400, "idempotency-key-missing", "An Idempotency-Key is needed"


class Unauthenticated(Problem):
    """There is no token, or it is not one of the issuer's that holds now. Nobody was let in."""

    status, code, title = 401, "unauthenticated", "A valid token is needed"


class Forbidden(Problem):
    """Nobody of this role, or of these facilities, may do it: another token may. The state plays no part."""

    status, code, title = 403, "forbidden", "This role may not do that"


class NotFound(Problem):
    """Also said of what exists but is not the caller's to see: the two must not be told apart."""

    status, code, title = 404, "not-found", "There is nothing here"

    def __init__(self, resource: str) -> None:
        super().__init__(f"There is no such {resource}, or it is not visible to you.")


class MethodNotAllowed(Problem):
    """`answered` are the methods that are answered at this address."""

    status, code, title = 405, "method-not-allowed", "This method is not answered here"

    def __init__(self, answered: Iterable[str]) -> None:
        super().__init__(f"{self.title}.", headers={"Allow": ", ".join(answered)})


class TooSlow(Problem):
    """The connection is closed with this answer: whatever else may come on it is not waited for."""

    status, code, title = 408, "too-slow", "The request did not come in time"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Connection": "close"})


class Conflict(Problem):
    """Refused by the present state of things. `code` is one of CONFLICTS; `more` may offer alternatives."""

    status = 409

    def __init__(self, code: str, detail: str, reasons: Iterable[Reason] = (), **more: Any) -> None:
        super().__init__(detail, reasons, **more)
        self.code, self.title = code, CONFLICTS[code]


class Stale(Problem):
    """Decided on another version than the `current` one. Nothing was changed."""

    status, code, title = 412, "stale", "It has changed since you read it"

    def __init__(self, current: int) -> None:
        super().__init__(
            "Somebody changed it after you read it. Read it again, look at what changed, then decide again.",
            [Reason(code="stale", message="The If-Match header names an older version.", satisfy="Read it again.")],
            headers={"ETag": f'"{current}"'},
        )


class TooLargeBody(Problem):
    """It has more bytes than the settings allow, packed or unpacked."""

    status, code, title = 413, "too-large", "The body is too large"


class WrongMediaType(Problem):
    """The Content-Type is not one that the operation takes."""

    status, code, title = 415, "wrong-media-type", "This media type is not read here"


class Invalid(Problem):
    """It can be read, and says what the contract does not allow. Every reason names its place, never what was sent."""

    status, code, title = 422, "invalid", "The request does not keep its contract"


class KeyReused(Problem):
    """The key came before with another method, address, If-Match or body. Nothing was done."""

    status, code, title = 422, "idempotency-key-reused", "This Idempotency-Key belongs to another request"


class VersionMissing(Problem):
    """A change names the version that it was decided on, or `*` for any."""

    status, code, title = 428, "if-match-missing", "An If-Match header is needed"


class TooLargeHead(Problem):
    """The headers have more bytes than a connection takes."""

    status, code, title = 431, "too-large-head", "The headers are too large"


class Unavailable(Problem):
    """The database or something else this needs does not answer now; nothing was written."""

    status, code, title = 503, "unavailable", "Not possible just now"

    def __init__(
        self, detail: str = "Nothing was changed. Please try again in a moment.", retry_after: int = 2
    ) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class ActionForbidden(Forbidden):
    """A lifecycle's refusal for the caller's role or side. The state may be wrong as well."""

    code, title = "action-forbidden", "This action is not yours to take"


class ActionRefused(Problem):
    """A lifecycle's refusal for the state or for what is unmet: every reason, and the actions that are allowed."""

    status, code, title = 409, "action-refused", "This action may not be taken now"


PROBLEMS: Final[tuple[type[Problem], ...]] = (
    Malformed, KeyMissing, Unauthenticated, Forbidden, ActionForbidden, NotFound, MethodNotAllowed, TooSlow,
    ActionRefused, Conflict, Stale, TooLargeBody, WrongMediaType, Invalid, KeyReused, VersionMissing, TooLargeHead,
    Unavailable,
)  # fmt: skip
"""Every kind of refusal. What is our own fault is answered with the base class."""


def reason_of(finding: Finding) -> Reason:
    """A rule's finding as a reason of a problem."""
    return Reason(
        code=finding.code,
        message=finding.message,
        satisfy=finding.satisfy,
        pointer=finding.pointer,
        rules=finding.rules,
    )


def problem_of_refusal(refused: Refused) -> Problem:
    """A refused action as a problem: forbidden when it is not the caller's to take, a conflict otherwise."""
    kinds = {reason.kind for reason in refused.reasons}
    cls = ActionForbidden if kinds & {ReasonKind.ROLE, ReasonKind.SIDE} else ActionRefused
    return cls(
        f"{refused.action} is refused for {len(refused.reasons)} reason{'s' * (len(refused.reasons) != 1)}.",
        [reason_of(reason) for reason in refused.reasons],
        allowed=refused.allowed,
    )


def pointer_of(place: Iterable[str | int]) -> str:
    """A place in a JSON document as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def invalid(errors: Iterable[Mapping[str, Any]], *, skip: int = 0) -> Invalid:
    """Validation errors as a problem: places and what is wrong with them, never what was sent."""
    reasons = [
        Reason(code=code_of(error["type"]), message=str(error["msg"]), pointer=pointer_of(error["loc"][skip:]))
        for error in errors
    ]
    return Invalid(f"{len(reasons)} thing{'s' * (len(reasons) != 1)} to correct.", reasons)


def not_json() -> Malformed:
    """The refusal of a body that is no JSON."""
    return Malformed("The body is not JSON.", [Reason(code="json", message="The body is not JSON.")])


METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def _answered(request: Request) -> list[str]:
    """Every method that is answered at this address: the framework names those of one route only."""
    asked = [{**request.scope, "method": method} for method in METHODS]
    return [one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in request.app.routes)]


def install(app: FastAPI) -> None:
    """Make this application answer every refusal with a problem document; failures are the edge's business."""

    async def on_problem(_: Request, problem: Any) -> Response:
        return cast("Problem", problem).response()

    async def on_refused(_: Request, refused: Any) -> Response:
        return problem_of_refusal(refused).response()

    async def on_invalid(_: Request, error: Any) -> Response:
        found = error.errors()
        if any(one["type"] == "json_invalid" for one in found):
            return not_json().response()
        return invalid(found, skip=1).response()

    async def on_http(request: Request, error: Any) -> Response:
        if isinstance(error.__cause__, Problem):  # the framework hides what stopped it reading a body behind a 400
            return error.__cause__.response()
        if error.status_code == 400:  # the framework's own word for bytes of which it can make no text, or no JSON
            return not_json().response()
        if error.status_code == MethodNotAllowed.status:
            return MethodNotAllowed(_answered(request)).response()
        known = {404: NotFound("address"), 413: TooLargeBody("The body is too large.")}
        return known.get(error.status_code, Malformed("The request cannot be read.")).response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
