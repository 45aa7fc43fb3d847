"""How this room names its cached files: by what they depend on."""

import hashlib
import json
from typing import Any


def cache_key(facts: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits that differ where any of the (JSON-able) facts does."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
