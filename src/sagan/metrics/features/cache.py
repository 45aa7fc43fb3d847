"""Keys of cached files: hashes of everything that their content depends on."""

import hashlib
import json
from typing import Any


def cache_key(facts: dict[str, Any]) -> str:
    """Sixteen hexadecimal digits of the hash of JSON-able facts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
