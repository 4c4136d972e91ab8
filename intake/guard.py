"""Who may open which address: every route carries exactly one declaration, else the application refuses to start.

`@public()`, `@signed(purpose)` or `@requires(role, ...)`. The check runs before the view; object rules
(own case, own queue) are named here and enforced where the object is loaded.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, make_response, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from sqlalchemy import BigInteger, LargeBinary, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.routing import BaseConverter, ValidationError

from intake.actor import Actor, Role
from intake.clock import db_now
from intake.crypto import link_token, token_digest
from intake.db import Base, Id, db, id_text, id_value, new_id
from intake.errors import NotPermitted

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])
Loader = Callable[[], Actor | None]


@dataclass(frozen=True, slots=True)
class Client:
    """Another system that holds a living token of this center: who it is and what it may do."""

    id: int
    site_id: int
    name: str
    scopes: frozenset[str]


ClientLoader = Callable[[str], Client | None]

PUBLIC_AREAS = ("/help", "/c", "/p", "/u", "/referral")


@dataclass(frozen=True)
class Access:
    """What a route declares: `public`, `signed` or `token` with its purpose, or `roles` with its object rule."""

    kind: str
    roles: frozenset[Role] = frozenset()
    purpose: str = ""
    rule: str = "center"

    def __str__(self) -> str:
        if self.kind == "roles":
            return f"roles({', '.join(sorted(self.roles))}; {self.rule})"
        return f"{self.kind}({self.purpose})" if self.purpose else "public"


class SignedLink(Base):
    """The stored half of a mailed link: only the digest of its secret, one purpose, one record."""

    __tablename__ = "signed_link"

    id: Mapped[Id]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    purpose: Mapped[str]
    subject_id: Mapped[int] = mapped_column(BigInteger, index=True)
    person_id: Mapped[int] = mapped_column(BigInteger, default=0, index=True)
    expires_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)


_STORED = select(SignedLink.id).where(SignedLink.digest == bindparam("digest"))
_declared: dict[Callable[..., Any], Access] = {}


def _declare(view: View, access: Access) -> View:
    if view in _declared:
        raise RuntimeError(f"{view.__qualname__} declares its access twice")
    _declared[view] = access
    return view


def public() -> Callable[[View], View]:
    """Anybody may open this route."""
    return lambda view: _declare(view, Access("public"))


def signed(purpose: str) -> Callable[[View], View]:
    """Only the holder of a living link of this purpose may open it; the view reads `current_link()`."""
    return lambda view: _declare(view, Access("signed", purpose=purpose))


def token(scope: str) -> Callable[[View], View]:
    """Only another system with a living bearer token of this scope may open it; the view reads `current_client()`."""
    return lambda view: _declare(view, Access("token", purpose=scope))


def requires(*roles: Role, rule: str = "center") -> Callable[[View], View]:
    """Only signed-in staff of one of `roles`; `rule` names the object rule: center, case, queue or self."""
    if not roles:
        raise RuntimeError("name at least one role")
    return lambda view: _declare(view, Access("roles", roles=frozenset(roles), rule=rule))


def access_of(app: Flask, endpoint: str) -> Access | None:
    """The declaration of an endpoint; static files are public."""
    if endpoint == "static":
        return Access("public")
    view = app.view_functions.get(endpoint)
    return None if view is None else _declared.get(view)


class Undeclared(RuntimeError):
    """A route declares no access; the application does not start."""


def check_declared(app: Flask) -> None:
    """Refuse to start when any route of the URL map declares nothing.

    Raises:
        Undeclared: with the names of the endpoints.
    """
    missing = sorted({r.endpoint for r in app.url_map.iter_rules() if access_of(app, r.endpoint) is None})
    if missing:
        raise Undeclared(f"no access declared for: {', '.join(missing)}")


def make_link(purpose: str, subject_id: int, *, person_id: int, expires_at: datetime, generation: int = 1) -> str:
    """Store a link's digest (once) and return its secret; the same arguments give the same secret."""
    token = link_token(purpose, subject_id, generation)
    digest = token_digest(token)
    known = db.session.scalar(_STORED, {"digest": digest})
    if known is None:
        db.session.add(
            SignedLink(
                id=new_id(),
                digest=digest,
                purpose=purpose,
                subject_id=subject_id,
                person_id=person_id,
                expires_at=expires_at,
            )
        )
    return token


def find_link(purpose: str, token: str) -> tuple[SignedLink | None, bool]:
    """The link of a secret and whether it is alive; (None, False) for a guess or another purpose."""
    row = db.session.execute(
        select(SignedLink, (SignedLink.expires_at > db_now()).label("alive")).where(
            SignedLink.digest == token_digest(token), SignedLink.purpose == purpose
        )
    ).one_or_none()
    return (None, False) if row is None else (row[0], bool(row[1]) and row[0].stopped_at is None)


def current_link() -> SignedLink:
    """The living link this request came with (signed routes only)."""
    link: SignedLink = g.link
    return link


def current_client() -> Client:
    """The system whose token this request came with (token routes only)."""
    client: Client = g.client
    return client


def current_actor() -> Actor:
    """The signed-in member of staff (routes with roles only)."""
    actor: Actor = g.actor
    return actor


def optional_actor() -> Actor | None:
    """The signed-in member of staff, if any; for layouts and public pages."""
    actor: Actor | None = g.get("actor")
    return actor


class IdConverter(BaseConverter):
    """Opaque ids in URLs: 13 base32 letters."""

    regex = "[0-9a-z]{13}"

    def to_python(self, value: str) -> int:
        """Refuse what is no id as if the page did not exist."""
        try:
            return id_value(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: int) -> str:
        """Letters of an id."""
        return id_text(value)


class AreaSessions(SecureCookieSessionInterface):
    """Two cookies, one for staff and one for public pages, so that neither area can read the other's."""

    def get_cookie_name(self, app: Flask) -> str:
        """`__Host-` prefixed over https (rulings 28)."""
        area = "visit" if is_public_area(request.path) else "desk"
        return f"__Host-{area}" if app.config["SESSION_COOKIE_SECURE"] else area


def is_public_area(path: str) -> bool:
    """True for the addresses of the public and of patients, which share one cookie."""
    return path == "/" or any(path == a or path.startswith(a + "/") for a in PUBLIC_AREAS)


def install(app: Flask, load_actor: Loader, load_client: ClientLoader) -> None:
    """Put the guard before every view. Both loaders are registrations of the accounts room."""
    app.url_map.converters["id"] = IdConverter
    app.session_interface = AreaSessions()

    @app.before_request
    def _check() -> ResponseReturnValue | None:
        if request.endpoint is None:
            return None
        access = access_of(current_app, request.endpoint)
        if access is None:
            abort(404)
        if access.kind == "signed":
            return _check_link(access)
        if access.kind == "roles":
            return _check_role(access, load_actor)
        if access.kind == "token":
            _check_token(access, load_client)
        return None


def _check_token(access: Access, load_client: ClientLoader) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    client = load_client(secret.strip()[:200]) if scheme.lower() == "bearer" and secret else None
    if client is None:
        abort(401)
    g.client = client
    if access.purpose not in client.scopes:
        raise NotPermitted("This token does not include that.")


def _check_role(access: Access, load_actor: Loader) -> ResponseReturnValue | None:
    actor = load_actor()
    if actor is None:
        if request.method in {"GET", "HEAD"}:
            return redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))
        abort(401)
    g.actor = actor
    if actor.role not in access.roles:
        raise NotPermitted("Your role does not include this page. Ask your administrator if you need it.")
    return None


def _check_link(access: Access) -> ResponseReturnValue | None:
    name = f"link:{access.purpose}"
    token = (request.view_args or {}).get("token", "")
    if token and request.method in {"GET", "HEAD"}:
        # The secret leaves the address bar at once: cookie, then a clean address without referrer.
        session[name] = token
        answer = make_response(redirect(url_for(f"{request.endpoint}_open")))
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer
    token = token or session.get(name, "")
    link, alive = find_link(access.purpose, str(token)) if token else (None, False)
    if link is None or not alive:
        g.link_gone = link
        abort(410)
    g.link = link
    return None


def fresh_nonce() -> str:
    """A nonce that a confirming POST must bring back."""
    return secrets.token_hex(16)
