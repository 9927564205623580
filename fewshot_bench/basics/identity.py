"""What a cell is called by: the hash of what decides it. Whoever has the file can check the name."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DEFAULTS = "defaults"
"""The table of a cell's config.toml that is there to be read by people, and not part of what is hashed."""


def content_hash(content: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of SHA-256 over the canonical JSON of a configuration without its table of defaults."""
    hashed = {key: value for key, value in content.items() if key != DEFAULTS}
    canonical = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]
