"""Finds a text that has got into a loop: its end is one piece, again and again."""

WINDOW = 6_000  # characters from the end
LEAST_PERIOD = 8
LEAST_TIMES = 5
LEAST_LENGTH = 1_000  # characters of all repetitions together


def repeated_end(text: str) -> str:
    """The piece that the end of ``text`` repeats at least five times, or "".

    Rules, blanks and other things without letters do not count. Takes time linear in the window
    (Z-algorithm, Gusfield 1997).
    """
    tail = text.rstrip()[-WINDOW:][::-1]
    if len(tail) < LEAST_LENGTH:
        return ""
    common = _common_with_start(tail)
    for period in range(LEAST_PERIOD, len(tail) // LEAST_TIMES + 1):
        if common[period] + period >= max(LEAST_LENGTH, LEAST_TIMES * period):
            piece = tail[:period][::-1]
            if any(character.isalnum() for character in piece):
                return piece
    return ""


def _common_with_start(text: str) -> list[int]:
    """For each position, how many characters from there equal those from the start."""
    common = [len(text)] + [0] * (len(text) - 1)
    left = right = 0
    for at in range(1, len(text)):
        length = min(right - at, common[at - left]) if at < right else 0
        while at + length < len(text) and text[length] == text[at + length]:
            length += 1
        if at + length > right:
            left, right = at, at + length
        common[at] = length
    return common
