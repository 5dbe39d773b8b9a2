"""One weakness of a prompt, and how words are found in its texts."""

import re
from dataclasses import dataclass

HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Remark:
    """One weakness. ``field`` is where it lies, with an index from 0 where it is one entry;
    ``what`` says it, ``next_step`` mends it."""

    field: str
    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.field}: {self.what}; {self.next_step}"


def says(text: str, phrase: str) -> bool:
    """Whether ``phrase`` stands in ``text`` as whole words; Chinese has no word borders."""
    if not phrase:
        return False
    if HAN.search(phrase):
        return phrase in text
    return re.search(rf"(?<![\w-]){re.escape(phrase)}(?![\w-])", text) is not None
