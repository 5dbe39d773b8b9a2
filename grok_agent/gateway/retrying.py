"""Whether a request is sent again after a failure, and when."""

from random import Random

from grok_agent.gateway.sends import Outcome

LONGEST_PAUSE_S = 4.0


def pause_s(outcome: Outcome, attempt: int, wait_s: float | None, random: Random) -> float:
    """Seconds until the next attempt after ``attempt`` (from 1) had this ``outcome``.

    A wait that the gateway asks for is kept, and lengthened by up to a tenth so that those who
    were told the same do not all return at once.
    """
    if wait_s is not None:
        return wait_s * random.uniform(1.0, 1.1)
    if outcome == "refused":
        return random.uniform(0.2, 0.5) * min(attempt, 4)
    if outcome == "failed":
        return min(0.2 * 2.0 ** min(attempt - 1, 10), LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)
    return random.uniform(0.02, 0.15)
