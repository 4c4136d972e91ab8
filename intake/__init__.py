"""Treatment-center intake and case management: `create_app` lists what the house is made of."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from config import Config
from intake import clock, guard, limits, logs, pages, tables
from intake.accounts import api_tokens, leaving, login
from intake.accounts import kinds as account_kinds
from intake.accounts import views as accounts
from intake.cases import hiding, joining
from intake.cases import kinds as case_kinds
from intake.cases import leaving as cases_leaving
from intake.cases import service as cases_service
from intake.cases import views as cases
from intake.checkins import views as checkins
from intake.cli import groups
from intake.db import db
from intake.desk import queries as desk_queries
from intake.desk import views as desk
from intake.house import House
from intake.inquiries import kinds as inquiry_kinds
from intake.inquiries import service as inquiries_service
from intake.inquiries import views as inquiries
from intake.messages import kinds as message_kinds
from intake.messages import views as messages
from intake.ops import maintenance, records
from intake.ops import views as ops
from intake.people import merging
from intake.people import queries as people
from intake.queues import leaving as queues_leaving
from intake.release import referrers
from intake.release import views as release
from intake.reports import views as reports
from intake.screening import kinds as screening_kinds
from intake.screening import views as screening
from intake.settings import scoring
from intake.settings import views as settings
from intake.sqlite import prepare
from intake.tapers import happenings, visit_kinds, visiting
from intake.tapers import kinds as taper_kinds
from intake.tapers import views as tapers
from intake.visits import service as visits_service

ROOT = Path(__file__).resolve().parent.parent

TABLES = tables.ROOMS

BLUEPRINTS = (
    settings.bp,
    messages.bp,
    accounts.bp,
    screening.bp,
    inquiries.bp,
    tapers.bp,
    checkins.bp,
    cases.bp,
    release.bp,
    desk.bp,
    reports.bp,
    records.bp,
    ops.bp,
)

KINDS = (
    account_kinds.Invitation,
    account_kinds.PasswordReset,
    inquiry_kinds.InquiryAcknowledgement,
    account_kinds.TaskAlert,
    case_kinds.StaffAlert,
    taper_kinds.Reminder,
    taper_kinds.PlanChanged,
    visit_kinds.VisitReminder,
    visit_kinds.VisitChanged,
    screening_kinds.ScreeningMail,
)

migrate = Migrate(directory=str(ROOT / "migrations"), render_as_batch=True, compare_type=True)


def create_app(config: Config | None = None) -> Flask:
    """Build the application of one process.

    Raises:
        ConfigError: a setting is missing or weak. Undeclared: a route declares no access.
    """
    config = config or Config.read()
    logs.install()
    if config.production:
        clock.lock()
    app = House(__name__, template_folder=str(ROOT / "templates"))
    app.extensions["intake.config"] = config
    # A command that fills another data folder makes its application by this.
    app.extensions["intake.factory"] = create_app
    app.config.update(_flask_settings(config))
    app.trust(config.proxies)
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare(db.engine)
    scoring.check()
    message_kinds.register(KINDS)
    # First of all that is asked before a request: while the house is closed, nothing else is looked at.
    maintenance.install(app)
    login.install(app)
    guard.install(app, login.load_actor, api_tokens.load)
    limits.install(app, config.redis_url)
    pages.install(app, desk_queries.shell, https=config.https)
    people.hidden[:] = [hiding.hidden_people]
    merging.before_merge[:] = [joining.both_open]
    inquiries_service.when_danger = cases_service.open_for_danger
    inquiries.api.more_about = referrers.told_by_api
    leaving.when_off[:] = [queues_leaving.give_back, cases_leaving.pass_on]
    cases_service.when_ended[:] = [happenings.case_ended]
    cases_service.when_missed[:] = [happenings.visit_missed]
    visits_service.when_changed[:] = [visiting.visit_changed]
    for view in (*messages.WITHOUT_CSRF, *inquiries.api.WITHOUT_CSRF):
        pages.csrf.exempt(view)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    for group in groups:
        app.cli.add_command(group)
    guard.check_declared(app)
    return app


def _flask_settings(config: Config) -> dict[str, object]:
    # Parameters hold what people typed; they have no place in an error message.
    engine: dict[str, object] = {"pool_pre_ping": True, "hide_parameters": True}
    if config.database_url.startswith("sqlite"):
        # The house has about 300 statements in a day; the driver keeps 128 and would prepare the rest anew each time.
        engine = {"hide_parameters": True, "connect_args": {"cached_statements": 1000}}
    return {
        "SECRET_KEY": config.secret_key,
        "SECRET_KEY_FALLBACKS": list(config.secret_key_fallbacks),
        "SQLALCHEMY_DATABASE_URI": config.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine,
        "SESSION_COOKIE_SECURE": config.https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        "MAX_CONTENT_LENGTH": config.max_content_length,
        "MAX_FORM_PARTS": 500,
        "WTF_CSRF_TIME_LIMIT": 12 * 3600,
        "WTF_CSRF_SSL_STRICT": config.https,
        "TRUSTED_HOSTS": [*config.trusted_hosts, *(() if config.production else ("localhost", "127.0.0.1"))],
        "BABEL_DEFAULT_LOCALE": "en",
        "SEND_FILE_MAX_AGE_DEFAULT": 3600,
    }
