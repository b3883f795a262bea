"""What the audit trail is told of requests."""

from datetime import UTC, datetime
from uuid import UUID

from contract import Problem, Request
from db import KEY_REFUSED, Caller, Event, Refused, uuid7
from handlers.services import Services


def event_of(request: Request, action: str, key_id: UUID | None, org_id: UUID, detail: str = "") -> Event:
    """Something that a request does, or is refused; what it makes is noted by who makes it."""
    services: Services = request.state
    return Event(
        id=uuid7(),
        at=datetime.now(UTC),
        action=action,
        key_id=key_id,
        org_id=org_id,
        subject_id=None,
        address=request.client,
        request_id=request.request_id,
        document=services.document,
        detail=detail,
    )


def refused(request: Request, caller: Caller, problem: Problem) -> Refused:
    """A refusal for lack of right, as it is told to the caller and to the audit trail."""
    reason = "; ".join(f"{'/'.join(map(str, error.loc))}: {error.msg}".removeprefix(": ") for error in problem.errors)
    return Refused(problem, event_of(request, KEY_REFUSED, caller.id, caller.org_id, reason))
