"""Measure one picture; the rendering for models and people stands beside it."""

from grok_agent.vision.decode import decode
from grok_agent.vision.groups import ImageFeatures
from grok_agent.vision.measure import measure
from grok_agent.vision.prepare import Picture
from grok_agent.vision.rendering import Detail, describe, render

__all__ = ["Detail", "ImageFeatures", "describe", "extract", "render"]


def extract(picture: object, *, read_text: bool = False, fetch: bool = False) -> ImageFeatures:
    """Measure a prepared picture, or one from a source as :func:`grok_agent.vision.prepare.prepare`
    takes it.

    A Picture is measured as it would be sent, a file as decoded, which also works for pictures
    too small to be sent. Text is read where it is likely, and with ``read_text`` in any case. Equal
    input gives equal figures. Raises ToolError for what cannot be decoded.
    """
    if isinstance(picture, Picture):
        return measure(decode(picture.jpeg).image, picture.original, read_text=read_text)
    decoded = decode(picture, fetch=fetch)
    return measure(decoded.image, decoded.original, read_text=read_text)
