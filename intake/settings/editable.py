"""Which settings a center may change on the page, within which limits, and how they are said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Editable:
    """One number (low..high) or yes-no (high 0): its key, words and unit. `part` names one of several in a key."""

    key: str
    words: str
    unit: str
    low: int = 0
    high: int = 0
    part: str = ""
    group: str = ""

    @property
    def is_yes_no(self) -> bool:
        """True for a switch."""
        return self.high == 0

    @property
    def name(self) -> str:
        """Its name in the form."""
        return f"{self.key}.{self.part}" if self.part else self.key


def _target(acuity: str, low: int, high: int) -> Editable:
    return Editable(
        "targets_minutes", f"P{acuity}: first human contact within", "minutes", low, high, acuity, "Targets"
    )


# Limits keep a slip of the hand from taking protection away: P1 can be made faster, never slower than 15 minutes.
EDITABLE: tuple[Editable, ...] = (
    _target("1", 5, 15),
    _target("2", 15, 120),
    _target("3", 60, 2880),
    _target("4", 240, 10080),
    *(
        Editable(
            "channel_minutes",
            f"{words}: first human contact within (0: as the priority says)",
            "minutes",
            0,
            10080,
            code,
            "Targets",
        )
        for code, words in (("web", "Web form"), ("phone", "Phone"), ("walk_in", "Walk-in"), ("referral", "Referral"))
    ),
    Editable("working_hours", "Clocks of P3 and P4 run from", "o’clock", 0, 23, "from", "Targets"),
    Editable("working_hours", "Clocks of P3 and P4 run until", "o’clock", 1, 24, "to", "Targets"),
    Editable("works_weekends", "Clocks of P3 and P4 run on weekends too", "", group="Targets"),
    Editable("contact_attempts", "Tries before somebody counts as not reached", "tries", 2, 10, group="Queues"),
    Editable("claim_lease_minutes", "An idle claim goes back after", "minutes", 5, 240, group="Queues"),
    Editable("claim_warning_minutes", "The holder is warned after", "minutes", 4, 239, group="Queues"),
    Editable("appointment_grace_minutes", "A visit counts as missed after", "minutes", 5, 120, group="Queues"),
    Editable("coverage_warning_days", "Coverage is checked anew before it ends by", "days", 1, 60, group="Queues"),
    Editable("bed_hold_hours", "A bed is kept for an arrival for", "hours", 1, 168, group="Queues"),
    *(
        Editable("wait_ranks", f"Waitlist, place of: {words}", "in order", 1, 4, code, "Waitlist")
        for code, words in (
            ("pregnant_injecting", "pregnant and injecting"),
            ("pregnant", "pregnant"),
            ("injecting", "injecting"),
            ("other", "all others"),
        )
    ),
    Editable("wait_interim_hours", "Interim services are offered within", "hours", 1, 48, group="Waitlist"),
    Editable("wait_admit_days", "A place is found within", "days", 1, 14, group="Waitlist"),
    Editable("wait_longest_days", "A place is found in any case within", "days", 14, 120, group="Waitlist"),
    Editable("wait_contact_days", "Everybody who waits is called every", "days", 1, 14, group="Waitlist"),
    Editable("wait_clocks_for_all", "These clocks run for everybody, whoever pays", "", group="Waitlist"),
    Editable("offer_pause_hours", "After a refused place no new offer for", "hours", 1, 168, group="Waitlist"),
    Editable(
        "capacity_notice_percent", "The State is told when beds are full to", "percent", 50, 100, group="Waitlist"
    ),
    Editable("capacity_notice_days", "The State is told within", "days", 1, 7, group="Waitlist"),
    Editable("transfer_answer_hours", "A transfer is answered within", "hours", 1, 72, group="Care"),
    Editable("rebook_hours", "After a missed start a new one is offered within", "hours", 1, 168, group="Care"),
    Editable("first_outpatient_visit_days", "First outpatient visit after detox within", "days", 1, 14, group="Care"),
    Editable("absent_hours", "Work of somebody not signed in goes back after", "hours", 4, 72, group="Care"),
    Editable("alert_acknowledge_minutes", "Somebody acknowledges an alert within", "minutes", 1, 60, group="Care"),
    Editable("cosign_hours", "A lower level is co-signed within", "hours", 1, 72, group="Care"),
    Editable("check_in_overdue_hours", "No answer to a check-in is a task after", "hours", 12, 336, group="Care"),
    Editable("pause_review_days", "A paused plan is reviewed within", "days", 1, 90, group="Care"),
    Editable("after_care_24_months", "Keep in touch for 24 months after care", "", group="Care"),
    Editable("ort_oud_permission", "Use ORT-OUD: its author’s permission is on file", "", group="Scales"),
    Editable("mail_per_person_a_day", "Emails to one person a day at most", "emails", 1, 5, group="Email"),
    Editable("mail_988_line", "Name the 988 line in emails", "", group="Email"),
    Editable("idle_minutes", "A session ends without input after", "minutes", 5, 30, group="Sessions"),
    Editable("absolute_hours", "A session ends in any case after", "hours", 1, 12, group="Sessions"),
    *(
        Editable("retention_years", words, "years", 0, 99, code, "Keeping records")
        for code, words in (
            ("case", "People who were in care are erased after (0: kept; never before 6)"),
            ("inquiry", "People who only asked are erased after (0: kept)"),
            ("consent", "Consents are kept after they end for (0: as long as the person)"),
            ("disclosure", "What was given out stays listed for (0: as long as the person)"),
        )
    ),
)

# What no setting, rule set or person can turn off; shown on the page as fixed.
FIXED: tuple[tuple[str, str], ...] = (
    ("Emergency and clinician-now rules", "No rule set switches them off or weakens them."),
    ("A danger yes", "It interrupts everything, is stored at once, and stays pinned until its outcome is known."),
    ("Unknown is never no", "A missing answer is shown as missing and never counted as zero."),
    ("A hard stop of a taper plan", "It is released only by a second prescriber, with a reason, and never by oneself."),
    ("An unsigned or paused plan", "It sends no reminder."),
    ("Mail", "Only to a verified, consented, safe address, inside quiet hours, with neutral words."),
    ("Second step", "Everybody who works here signs in with a code, administrators too."),
    ("Audit", "Every read of a case and every change leaves an entry that nothing can edit."),
)
