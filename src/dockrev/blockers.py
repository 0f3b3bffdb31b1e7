"""A reason why a service cannot be updated, for people and for programs."""

from dataclasses import dataclass

from dockrev.errors import Json


@dataclass(frozen=True, slots=True)
class Blocker:
    """`code` is stable; `text` is a sentence for the operator; `remedy` says what the operator can do."""

    code: str
    text: str
    remedy: str | None = None

    def as_json(self) -> dict[str, Json]:
        fields: dict[str, Json] = {"code": self.code, "text": self.text}
        return fields if self.remedy is None else {**fields, "remedy": self.remedy}
