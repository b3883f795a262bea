"""What the audit trail is told of requests."""

from datetime import UTC, datetime
from uuid import UUID

from contract import Problem, Request
from db import KEY_REFUSED, Caller, Event, Origin, Refused, uuid7
from handlers.services import Services


def origin_of(request: Request) -> Origin:
    """Where a request came from; with the key that it makes, it is all that is told."""
    services: Services = request.state
    return Origin(request.client, request.request_id, services.document)


def changed(request: Request, action: str, by: Caller, key_id: UUID, detail: str = "") -> Event:
    """Something done to a key of the caller's organisation."""
    return _event(request, action, by, key_id, detail)


def refused(request: Request, caller: Caller, problem: Problem) -> Refused:
    """A refusal for lack of right, as it is told to the caller and to the audit trail."""
    reason = "; ".join(f"{'/'.join(map(str, error.loc))}: {error.msg}".removeprefix(": ") for error in problem.errors)
    return Refused(problem, _event(request, KEY_REFUSED, caller, None, reason))


def _event(request: Request, action: str, by: Caller, subject_id: UUID | None, detail: str) -> Event:
    origin = origin_of(request)
    return Event(
        id=uuid7(),
        at=datetime.now(UTC),
        action=action,
        key_id=by.id,
        org_id=by.org_id,
        subject_id=subject_id,
        address=origin.address,
        request_id=origin.request_id,
        document=origin.document,
        detail=detail,
    )
