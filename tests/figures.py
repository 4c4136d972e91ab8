"""docs/figures.md: each command that measures writes its own section, between two markers; the rest is left alone."""

from __future__ import annotations

import re
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "figures.md"
HEAD = """# Figures

What the long proofs and benches last printed; each section is written by its command (`--figures`). Speed is a ratio
within one run: machines differ, the quotient does not.
"""


def write(section: str, text: str, *, file: Path = FILE) -> None:
    """Put `text` (Markdown, without heading) under the heading `section`, in place of what the last run wrote there."""
    page = file.read_text(encoding="utf-8") if file.exists() else HEAD
    begin, end = f"<!-- {section} -->", f"<!-- /{section} -->"
    block = f"{begin}\n## {section}\n\n{text.strip()}\n{end}"
    known = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    page = known.sub(lambda _: block, page) if known.search(page) else f"{page.rstrip()}\n\n{block}\n"
    file.write_text(page, encoding="utf-8")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
