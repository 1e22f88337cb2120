"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"  # calls work, for some or for now
    FAIL = "fail"  # the server would not start, or no call would work


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` is a word, `text` a sentence."""

    verdict: Verdict
    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.about:<12} {self.text}"
