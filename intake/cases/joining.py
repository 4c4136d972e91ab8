"""When two records of one human may not be joined: registered with the people room in `create_app`."""

from __future__ import annotations

from intake.cases.queries import open_case


def both_open(loser_id: int, survivor_id: int) -> list[str]:
    """Two open cases cannot become one by themselves; a person closes or transfers one first (rulings 9)."""
    if open_case(loser_id) is None or open_case(survivor_id) is None:
        return []
    return ["Both records have an open case. Close or transfer one of them first."]
