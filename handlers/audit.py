"""What the audit trail is told of requests."""

from datetime import UTC, datetime
from uuid import UUID

from contract import Problem, Request
from db import KEY_CREATED, KEY_REFUSED, Caller, Event, Refused, uuid7
from handlers.services import Services


def created(request: Request, key_id: UUID, by: Caller | None, org_id: UUID) -> Event:
    """The making of a key. The event has the key's own id: there is one such event, and an id takes 2 us to make."""
    return _event(request, KEY_CREATED, key_id, None if by is None else by.id, org_id, key_id)


def changed(request: Request, action: str, by: Caller, key_id: UUID, detail: str = "") -> Event:
    """Something done to a key of the caller's organisation."""
    return _event(request, action, uuid7(), by.id, by.org_id, key_id, detail)


def refused(request: Request, caller: Caller, problem: Problem) -> Refused:
    """A refusal for lack of right, as it is told to the caller and to the audit trail."""
    reason = "; ".join(f"{'/'.join(map(str, error.loc))}: {error.msg}".removeprefix(": ") for error in problem.errors)
    return Refused(problem, _event(request, KEY_REFUSED, uuid7(), caller.id, caller.org_id, None, reason))


def _event(
    request: Request,
    action: str,
    event_id: UUID,
    key_id: UUID | None,
    org_id: UUID,
    subject_id: UUID | None,
    detail: str = "",
) -> Event:
    services: Services = request.state
    return Event(
        id=event_id,
        at=datetime.now(UTC),
        action=action,
        key_id=key_id,
        org_id=org_id,
        subject_id=subject_id,
        address=request.client,
        request_id=request.request_id,
        document=services.document,
        detail=detail,
    )
