"""Which scales a center may use: one that its author has to permit stays off until the permission is recorded."""

from __future__ import annotations

from intake.clinical import instruments
from intake.screening.questions import Block
from intake.settings import queries as settings

# Scale -> the setting that records the permission, with who approved it and since when.
PERMISSIONS = {"ort_oud": "ort_oud_permission"}


def is_offered(block: Block, site_id: int) -> bool:
    """Tell whether a card may be shown and answered at a center."""
    if not block.instrument or instruments.get(block.instrument).enabled:
        return True
    recorded = PERMISSIONS.get(block.instrument)
    return recorded is not None and bool(settings.value(site_id, recorded))
