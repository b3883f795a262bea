"""What callers notice of `security`: whoever satisfied the old document, and satisfies the new one no longer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from contract.differences import Finding
from contract.operation import Contract, Operation

Alternative = Mapping[str, Sequence[str]]

_NOBODY_IN_PARTICULAR: Final[tuple[Alternative, ...]] = ({},)
"""What no `security` comes to: credentials of no kind satisfy it."""


_ADDRESSES: Final = ("authorizationUrl", "tokenUrl", "refreshUrl")
"""The fields of a flow by which clients reach it."""


def of_security(
    old_contract: Contract, new_contract: Contract, old: Operation, new: Operation
) -> Iterator[tuple[str, Finding]]:
    """What changed in who may call an operation."""
    before, after = old.security or _NOBODY_IN_PARTICULAR, new.security or _NOBODY_IN_PARTICULAR
    schemes = old_contract.security_schemes, new_contract.security_schemes
    pointer = _pointer(old_contract, new_contract, old, new)
    alike: list[Alternative] = []
    broken = False
    for one in before:
        if not any(_satisfies(one, other, *schemes) for other in after):
            said = _said(one)
            if (other := _under_other_names(one, after, *schemes)) is not None:
                message = f"security: {said} sufficed; {_said(other)} is sent alike, and may be judged otherwise"
                alike.append(other)
                yield pointer, Finding("maybe", message)
                continue
            message = f"security: {said} sufficed and does no longer; it takes {' or '.join(map(_said, after))}"
            broken = True
            request = {"method": new.method, "path": new.path, "security": {n: list(s) for n, s in one.items()}}
            yield pointer, Finding("breaks", message, request)
    for other in after:
        if not any(_satisfies(one, other, *schemes) for one in before):
            held = any(_satisfies(other, one, *reversed(schemes)) for one in before)
            if other in alike or (held and not broken):
                continue
            # Said beside what breaks too: it is what to do about it.
            yield pointer, Finding("safe", f"security: {_said(other)} suffices now")
        elif all(_satisfies(one, other, *schemes) for one in before) and not any(
            _satisfies(other, one, *reversed(schemes)) for one in before
        ):
            yield pointer, Finding("safe", f"security: {_said(other)} suffices now")
    for name in sorted({name for one in before for name in one} & {name for other in after for name in other}):
        was, is_ = (side.get(name, {}) for side in schemes)
        if _means(was) == _means(is_) and not _comes_from(was, is_):
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


def _under_other_names(
    one: Alternative,
    others: Sequence[Alternative],
    one_schemes: Mapping[str, Mapping[str, Any]],
    other_schemes: Mapping[str, Mapping[str, Any]],
) -> Alternative | None:
    """The alternative that asks for the same credentials by schemes of other names: verified, it may be, otherwise."""

    def is_alike(name: str, wanted: str) -> bool:
        have, want = one_schemes.get(name, {}), other_schemes.get(wanted, {})
        return _means(have) == _means(want) and _comes_from(have, want)

    return next(
        (
            other
            for other in others
            if all(any(is_alike(n, w) and set(asked) <= set(s) for n, s in one.items()) for w, asked in other.items())
        ),
        None,
    )


def _comes_from(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether what clients are told of where credentials come from still holds; what is said in words is not that."""
    if any(old.get(field) != new.get(field) for field in ("bearerFormat", "openIdConnectUrl")):
        return False
    flows, others = old.get("flows") or {}, new.get("flows") or {}
    return all(name in others and _is_kept(flow, others[name]) for name, flow in flows.items())


def _is_kept(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a flow is at the same addresses and gives at least the same scopes (OpenAPI 3.1 §4.8.29)."""
    return all(old.get(url) == new.get(url) for url in _ADDRESSES) and set(old.get("scopes") or ()) <= set(
        new.get("scopes") or ()
    )


def _said(alternative: Alternative) -> str:
    """An alternative in words."""
    if not alternative:
        return "no credentials"
    return " with ".join(f"{n} ({', '.join(s)})" if s else n for n, s in alternative.items())
