"""What the house does by itself once a minute, as a list: each job is a function of a room that takes `now`.

A job returns how many rows it moved and runs in a transaction of its own, so that one that fails stops no other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from intake.accounts import absence, once, overdue, sessions, tries
from intake.audit import anchors, verify
from intake.beds import capacity
from intake.cases import alerts, keeping, paying, places
from intake.checkins import service as checkins
from intake.consents import service as consents
from intake.inquiries import drafts, promises, unanswered
from intake.ops import erased
from intake.queues import claims, late
from intake.screening import by_link
from intake.screening import drafts as screenings
from intake.tapers import happenings

Job = Callable[[datetime], int]

JOBS: tuple[tuple[str, Job], ...] = (
    ("first_contact_late", lambda now: unanswered.escalate_late(now=now)),
    ("work_of_absent", lambda now: absence.free_tasks(now=now)),
    ("requests_of_absent", lambda now: unanswered.free_of_absent(now=now)),
    ("work_overdue", lambda now: overdue.escalate(now=now)),
    ("queues_late", lambda now: late.escalate(now=now)),
    ("promises_missed", lambda now: promises.miss_promises(now=now)),
    ("drafts_over", lambda now: drafts.purge()),
    ("claims_over", lambda now: claims.return_idle(now=now)),
    ("parked_due", lambda now: claims.unpark_due(now=now)),
    ("alerts_unseen", lambda now: alerts.escalate(now=now)),
    ("bed_holds_over", lambda now: places.lapse(now=now)),
    ("places_offered", lambda now: places.offer(now=now)),
    ("capacity_watched", lambda now: capacity.watch(now=now)),
    ("coverages_watched", lambda now: paying.watch(now=now)),
    ("check_ins_unanswered", lambda now: checkins.tell_unanswered(now=now)),
    ("check_ins_ended", lambda now: checkins.end_owed(now=now)),
    ("check_ins_unreviewed", lambda now: checkins.hold_unreviewed(now=now)),
    ("held_steps_reached", lambda now: happenings.pause_overtaken(now=now)),
    ("consents_over", lambda now: consents.expire(now=now)),
    ("sign_in_tries_over", lambda now: tries.sweep(now)),
    ("sent_forms_over", lambda now: once.sweep(now)),
    ("audit_anchored", lambda now: anchors.drop(now=now)),
    ("audit_faults", lambda now: verify.check_if_due(now=now)),
    ("sessions_over", lambda now: sessions.sweep(now)),
    ("records_purged", lambda now: keeping.purge(now=now)),
    ("erased_noted", lambda now: erased.note(now=now)),
    ("question_links_over", lambda now: by_link.forget(now=now)),
    ("screenings_left", lambda now: screenings.expire(now=now)),
    ("plans_ended", lambda now: happenings.complete_ended(now=now)),
)
