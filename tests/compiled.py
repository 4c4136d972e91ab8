"""Compiled templates and addresses, kept for all applications of one test process: most of a page test is compiling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class Kept(BytecodeCache):
    """Bytecode by template and the checksum of its source, so that a changed template is compiled again."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket from what was kept."""
        found = self.kept.get((bucket.key, bucket.checksum))
        if found is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self.kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


KEPT = Kept()


class KeptRule(Rule):
    """A rule that compiles its address once; what is compiled depends on nothing but the rule's text and defaults."""

    kept: ClassVar[dict[tuple[str, str, str], Builder]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        key = (repr(self._trace), repr(self.defaults), str(append_unknown))
        if key not in self.kept:
            self.kept[key] = super()._compile_builder(append_unknown)
        return self.kept[key]


class KeptStatements(dict[Any, Any]):
    """Compiled SQL by dialect name instead of dialect, since every test has a new engine of one of two kinds."""

    def get(self, key: Any, default: Any = None) -> Any:
        """What was compiled for any engine of this kind."""
        return super().get((key[0].name, *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((key[0].name, *key[1:]), compiled)


STATEMENTS = KeptStatements()


def keep_rules() -> None:
    """Let every application made from now on keep its compiled rules; a tenth of a second each."""
    Flask.url_rule_class = KeptRule
