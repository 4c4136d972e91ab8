"""Every setting of a process, read once from the environment, typed, with its unit and default.

What a center may change while it runs (targets, words, rule sets) is not here but in
`intake/settings`. README.md lists each variable; a test compares the two.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

KNOWN_SECRETS = frozenset({"dev", "secret", "changeme", "change-me", "development", "test", "default"})
LEAST_SECRET = 32
LEAST_PASSPHRASE = 16


class ConfigError(RuntimeError):
    """A setting is missing or cannot be used; the message names the variable."""


@dataclass(frozen=True)
class Setting:
    """One environment variable: its default as text, its unit and what it does (shown in README)."""

    variable: str
    default: str
    words: str


SETTINGS: tuple[Setting, ...] = (
    Setting("INTAKE_ENV", "development", "`production` refuses weak secrets, development pages and a moved clock"),
    Setting("INTAKE_DATA", "./.data", "folder for secrets, the embedded database, pid files and journals"),
    Setting("DATABASE_URL", "SQLite in the data folder", "`postgresql://...` for production"),
    Setting("REDIS_URL", "none", "broker, rate limits and presence; without it the web process sends mail itself"),
    Setting("SECRET_KEY", "made at first run", "signs cookies; at least 32 characters"),
    Setting("SECRET_KEY_FALLBACKS", "none", "older cookie keys, comma between"),
    Setting("INTAKE_MASTER_KEY", "made at first run", "64 hexadecimal digits; wraps every person's data key"),
    Setting(
        "INTAKE_MASTER_KEY_OLD", "none", "older master keys, comma between, until `flask intake keys rotate` is done"
    ),
    Setting("INTAKE_BLIND_KEY", "made at first run", "64 hexadecimal digits; find and duplicate tokens, audit, links"),
    Setting("INTAKE_BACKUP_KEY", "derived from the other two keys", "passphrase of backups, at least 16 characters"),
    Setting("PUBLIC_URL", "http://localhost:8000", "address that links in emails start with"),
    Setting("TRUSTED_HOSTS", "host of PUBLIC_URL", "further host names that are answered, comma between"),
    Setting("PROXIES", "0", "number of reverse proxies in front whose forwarded headers count"),
    Setting("SMTP_URL", "none", "`smtp://user:password@host:587` (STARTTLS) or `smtps://...`; none: nothing is sent"),
    Setting("SMTP_TIMEOUT_SECONDS", "30", "seconds for each SMTP command; after DATA it is 600"),
    Setting("SMTP_STARTTLS", "auto", "`auto`, `required` or `off`"),
    Setting("MAIL_DOMAIN", "host of PUBLIC_URL", "domain of Message-ID"),
    Setting("MAIL_RATE_PER_MINUTE", "600", "mails a minute to one receiving domain"),
    Setting("MAIL_LEASE_SECONDS", "120", "seconds a claimed message belongs to its sender"),
    Setting("MAIL_RENEW_SECONDS", "30", "seconds between renewals of that lease"),
    Setting("MAIL_IN_DOUBT_SECONDS", "60", "seconds before a mail of unknown outcome may go again"),
    Setting("MAIL_TICK_SECONDS", "5", "seconds between two looks at due messages"),
    Setting("BOUNCE_TOKEN", "none", "secret of the bounce webhook; none: the webhook is closed"),
    Setting("METRICS_TOKEN", "none", "secret of /metrics; none: closed"),
    Setting("ARGON2_MEMORY_KIB", "19456", "KiB of memory for one password hash"),
    Setting("ARGON2_TIME", "2", "passes of one password hash"),
    Setting("MAX_CONTENT_LENGTH", "1048576", "bytes of one request body at most"),
    Setting("INTAKE_CLOCK_OFFSET_SECONDS", "0", "moves the clock in tests and training; refused in production"),
)


@dataclass(frozen=True)
class Config:
    """The settings of one process."""

    production: bool
    data: Path
    database_url: str
    redis_url: str
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    master_key: bytes
    master_keys_old: tuple[bytes, ...]
    blind_key: bytes
    backup_key: str
    public_url: str
    trusted_hosts: tuple[str, ...]
    proxies: int
    smtp_url: str
    smtp_timeout_seconds: int
    smtp_starttls: str
    mail_domain: str
    mail_rate_per_minute: int
    mail_lease_seconds: int
    mail_renew_seconds: int
    mail_in_doubt_seconds: int
    mail_tick_seconds: int
    bounce_token: str
    metrics_token: str
    argon2_memory_kib: int
    argon2_time: int
    max_content_length: int

    @property
    def https(self) -> bool:
        """True when people reach the product over https; cookies then carry the `__Host-` prefix."""
        return self.public_url.startswith("https://")

    @classmethod
    def read(cls, env: Mapping[str, str] | None = None) -> Config:
        """Build the settings from the environment.

        Raises:
            ConfigError: a variable is missing in production, weak, or not a number.
        """
        return _Reader(os.environ if env is None else env).config()


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(LEAST_SECRET))
    # Of two processes starting at once, the first link wins and both read the same secret.
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


class _Reader:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.production = env.get("INTAKE_ENV", "development") == "production"
        self.defaults = {s.variable: s.default for s in SETTINGS}

    def text(self, variable: str, default: str = "") -> str:
        return self.env.get(variable, "").strip() or default

    def number(self, variable: str) -> int:
        raw = self.text(variable, self.defaults[variable])
        try:
            value = int(raw)
        except ValueError:
            raise ConfigError(f"{variable} must be a whole number, not {raw!r}") from None
        if value < 0:
            raise ConfigError(f"{variable} must not be negative")
        return value

    def listed(self, variable: str) -> tuple[str, ...]:
        return tuple(p.strip() for p in self.text(variable).split(",") if p.strip())

    def secret(self, variable: str) -> str:
        value = self.text(variable) or self._stored(variable)
        if value.lower() in KNOWN_SECRETS or (self.production and len(value) < LEAST_SECRET):
            raise ConfigError(f"{variable} is missing or too weak: give at least {LEAST_SECRET} random characters")
        return value

    def passphrase(self, variable: str) -> str:
        value = self.text(variable)
        if value and (len(value) < LEAST_PASSPHRASE or value.lower() in KNOWN_SECRETS):
            raise ConfigError(f"{variable} is too weak: give at least {LEAST_PASSPHRASE} characters")
        return value

    def key(self, variable: str) -> bytes:
        return self._key(variable, self.secret(variable))

    def keys(self, variable: str) -> tuple[bytes, ...]:
        return tuple(self._key(variable, each) for each in self.listed(variable))

    def _key(self, variable: str, text: str) -> bytes:
        try:
            value = bytes.fromhex(text)
        except ValueError:
            raise ConfigError(f"{variable} must be 64 hexadecimal digits") from None
        if len(value) != LEAST_SECRET:
            raise ConfigError(f"{variable} must be 64 hexadecimal digits")
        return value

    def _stored(self, variable: str) -> str:
        path = self.data() / "secrets" / variable
        if not path.is_file():
            if self.production:
                return ""
            _make_secret(path)
        return path.read_text().strip()

    def data(self) -> Path:
        return Path(self.text("INTAKE_DATA", "./.data")).expanduser().resolve()

    def database_url(self) -> str:
        raw = self.text("DATABASE_URL")
        if not raw:
            if self.production:
                raise ConfigError("DATABASE_URL is missing")
            return f"sqlite:///{self.data() / 'intake.sqlite3'}"
        for prefix in ("postgres://", "postgresql://"):
            if raw.startswith(prefix):
                return "postgresql+psycopg://" + raw.removeprefix(prefix)
        return raw

    def config(self) -> Config:
        public_url = self.text("PUBLIC_URL", "http://localhost:8000").rstrip("/")
        host = public_url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0]
        starttls = self.text("SMTP_STARTTLS", "auto")
        if starttls not in {"auto", "required", "off"}:
            raise ConfigError("SMTP_STARTTLS must be auto, required or off")
        return Config(
            production=self.production,
            data=self.data(),
            database_url=self.database_url(),
            redis_url=self.text("REDIS_URL"),
            secret_key=self.secret("SECRET_KEY"),
            secret_key_fallbacks=self.listed("SECRET_KEY_FALLBACKS"),
            master_key=self.key("INTAKE_MASTER_KEY"),
            master_keys_old=self.keys("INTAKE_MASTER_KEY_OLD"),
            blind_key=self.key("INTAKE_BLIND_KEY"),
            backup_key=self.passphrase("INTAKE_BACKUP_KEY"),
            public_url=public_url,
            trusted_hosts=(host, *self.listed("TRUSTED_HOSTS")),
            proxies=self.number("PROXIES"),
            smtp_url=self.text("SMTP_URL"),
            smtp_timeout_seconds=self.number("SMTP_TIMEOUT_SECONDS"),
            smtp_starttls=starttls,
            mail_domain=self.text("MAIL_DOMAIN", host if "." in host else f"{host}.invalid"),
            mail_rate_per_minute=self.number("MAIL_RATE_PER_MINUTE"),
            mail_lease_seconds=self.number("MAIL_LEASE_SECONDS"),
            mail_renew_seconds=self.number("MAIL_RENEW_SECONDS"),
            mail_in_doubt_seconds=self.number("MAIL_IN_DOUBT_SECONDS"),
            mail_tick_seconds=self.number("MAIL_TICK_SECONDS"),
            bounce_token=self.text("BOUNCE_TOKEN"),
            metrics_token=self.text("METRICS_TOKEN"),
            argon2_memory_kib=self.number("ARGON2_MEMORY_KIB"),
            argon2_time=self.number("ARGON2_TIME"),
            max_content_length=self.number("MAX_CONTENT_LENGTH"),
        )
