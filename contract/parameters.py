"""A parameter of an operation: taken out of a request, judged and completed (OpenAPI 3.1 §4.8.12)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contract.findings import Findings
from contract.problem import ValidationError
from contract.raw import NOT_TEXT, NotText, Raw
from contract.styles import MISSING, Malformed, Read

if TYPE_CHECKING:
    from contract.schema import Schema


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation, compiled."""

    name: str
    location: str
    required: bool
    schema: "Schema"
    read: Read
    default: tuple[Any, ...] = ()
    """The default value, if there is one."""

    @property
    def loc(self) -> tuple[str, str]:
        """Where its faults are."""
        return self.location, self.name

    def take(self, raw: Raw, findings: Findings) -> Any:
        """The parameter's value, judged and completed; its faults go to `findings`."""
        try:
            value = self.read(raw)
        except Malformed as error:
            findings.add(ValidationError(self.loc, str(error), "parameter_malformed"))
            return MISSING
        except NotText:
            findings.add(ValidationError(self.loc, NOT_TEXT, "string_unicode"))
            return MISSING
        if value is MISSING:
            if self.default:
                return self.default[0]
            if self.required:
                findings.add(ValidationError(self.loc, "Field required", "missing"))
            return MISSING
        if not self.schema.is_valid(value):
            findings.refuse(self.schema, value, self.loc)
            return MISSING
        return value if self.schema.complete is None else self.schema.complete(value)
