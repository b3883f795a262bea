"""What callers notice of `security`: whoever satisfied the old document, and satisfies the new one no longer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from contract.differences import Finding
from contract.operation import Contract, Operation

Alternative = Mapping[str, Sequence[str]]

_NOBODY_IN_PARTICULAR: Final[tuple[Alternative, ...]] = ({},)
"""What no `security` comes to: credentials of no kind satisfy it."""


def of_security(
    old_contract: Contract, new_contract: Contract, old: Operation, new: Operation
) -> Iterator[tuple[str, Finding]]:
    """What changed in who may call an operation."""
    before, after = old.security or _NOBODY_IN_PARTICULAR, new.security or _NOBODY_IN_PARTICULAR
    schemes = old_contract.security_schemes, new_contract.security_schemes
    pointer = _pointer(old_contract, new_contract, old, new)
    for one in before:
        if not any(_satisfies(one, other, *schemes) for other in after):
            said = _said(one)
            message = f"security: {said} sufficed and does no longer; it takes {' or '.join(map(_said, after))}"
            request = {"method": new.method, "path": new.path, "security": {n: list(s) for n, s in one.items()}}
            yield pointer, Finding("breaks", message, request)
    for other in after:
        if not any(_satisfies(one, other, *schemes) for one in before):
            # Said beside what breaks too: it is what to do about it.
            yield pointer, Finding("safe", f"security: {_said(other)} suffices now")
        elif all(_satisfies(one, other, *schemes) for one in before) and not any(
            _satisfies(other, one, *reversed(schemes)) for one in before
        ):
            yield pointer, Finding("safe", f"security: {_said(other)} suffices now")
    for name in sorted({name for one in before for name in one} & {name for other in after for name in other}):
        was, is_ = (side.get(name, {}) for side in schemes)
        if _means(was) == _means(is_) and _source(was) != _source(is_):
            message = f"security: {name} is obtained in another way"
            yield f"/components/securitySchemes/{name}", Finding("maybe", message)


def _pointer(old_contract: Contract, new_contract: Contract, old: Operation, new: Operation) -> str:
    """Where the demand stands, in the new document; where it stood, if nothing is demanded any more."""
    if "security" in new.place.value:
        return f"{new.pointer}/security"
    if "security" in new_contract.document.root:
        return "/security"
    if "security" in old.place.value:
        return f"{old.pointer}/security"
    return "/security" if "security" in old_contract.document.root else new.pointer


def _satisfies(
    have: Alternative,
    want: Alternative,
    have_schemes: Mapping[str, Mapping[str, Any]],
    want_schemes: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Whether credentials for `have` are enough for `want`."""
    return all(
        name in have
        and set(scopes) <= set(have[name])
        and _means(have_schemes.get(name, {})) == _means(want_schemes.get(name, {}))
        for name, scopes in want.items()
    )


def _means(scheme: Mapping[str, Any]) -> tuple[str, ...]:
    """Where and how the credentials of a scheme are sent (OpenAPI 3.1 §4.8.27)."""
    kind = str(scheme.get("type"))
    if kind == "apiKey":
        name = str(scheme.get("name"))
        location = str(scheme.get("in"))
        return kind, location, name.lower() if location == "header" else name
    return kind, str(scheme.get("scheme")).lower()


def _source(scheme: Mapping[str, Any]) -> tuple[Any, ...]:
    """Where the credentials of a scheme come from."""
    return tuple(scheme.get(field) for field in ("bearerFormat", "flows", "openIdConnectUrl"))


def _said(alternative: Alternative) -> str:
    """An alternative in words."""
    if not alternative:
        return "no credentials"
    return " with ".join(f"{n} ({', '.join(s)})" if s else n for n, s in alternative.items())
