"""Every table of the house in one place, so that whoever needs the whole schema has it."""

from __future__ import annotations

from intake import crypto, guard
from intake.accounts import models as accounts
from intake.audit import models as audit
from intake.beds import models as beds
from intake.cases import models as cases
from intake.checkins import models as checkins
from intake.consents import models as consents
from intake.inquiries import models as inquiries
from intake.messages import models as messages
from intake.people import models as people
from intake.queues import models as queues
from intake.screening import models as screening
from intake.settings import models as settings
from intake.tapers import models as tapers
from intake.tasks import models as tasks
from intake.visits import models as visits

ROOMS = (
    crypto,
    guard,
    audit,
    settings,
    tasks,
    messages,
    accounts,
    people,
    consents,
    beds,
    visits,
    inquiries,
    queues,
    cases,
    screening,
    tapers,
    checkins,
)
