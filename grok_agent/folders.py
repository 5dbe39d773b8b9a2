"""Where caches lie; apart from the settings, which take longer to load than a cached answer."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """The folder of what can be worked out again: GROK_CACHE_DIR, else the user's cache folder.

    It is not read from ``.env``: a file in somebody else's repository does not say where to write.
    """
    given = os.environ.get("GROK_CACHE_DIR", "").strip()
    return Path(given) if given else user_cache_path("grok-agent", appauthor=False)
