"""Makes a picture that is on its way smaller; the hook of :mod:`grok_agent.gateway.ladder`."""

from grok_agent.profile import ImageLimits
from grok_agent.vision.prepare import data_url, prepare


def reencode(url: str, limits: ImageLimits) -> str:
    """The picture in the data URL ``url`` as a JPEG data URL within ``limits``.

    Raises ToolError for what is no readable picture.
    """
    return data_url(prepare(url, limits))
