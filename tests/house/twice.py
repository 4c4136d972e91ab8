"""What becomes of a form that is sent twice, for every address that takes one; new addresses must say it here.

A view below `@once` does its work once for the key of its page, and says so itself. All others stand here.
"""

from __future__ import annotations

# The page carries the version it was made from; an older one changes nothing and is answered with a readable 409.
VERSION = {
    "desk.save_care_plan",
    "desk.save_circumstances",
    "desk.save_note",
    "desk.save_person",
    "desk.save_state_items",
    "inquiries.change_place",
    "release.change_contact",
    "release.change_inquiry_contact",
    "release.change_named",
    "release.restrict",
    "release.save_legal",
    "screening.part",
    "settings.save_center",
    "settings.save_education",
    "settings.save_targets",
    "tapers.sign",
}

# A move of a state, under the lock of its row: the second finds it moved and is told so. A version of a plan is named
# by its number in the address, and each move of it ends that number's turn.
MOVE = {
    "accounts.end_session",
    "accounts.remove_passkey",
    "accounts.switch_off",
    "accounts.switch_on",
    "accounts.withdraw_token",
    "cases.acknowledge",
    "checkins.review",
    "desk.assign",
    "desk.claim",
    "desk.claim_next",
    "desk.claim_task",
    "desk.close_bed",
    "desk.finish_task",
    "desk.give_back_all",
    "desk.give_back_bed",
    "desk.hold_bed",
    "desk.move_coverage",
    "desk.park",
    "desk.release",
    "desk.snooze_task",
    "desk.told_state",
    "desk.unpark",
    "inquiries.answer_referral",
    "inquiries.claim_inquiry",
    "inquiries.close_inquiry",
    "inquiries.contact_agreed",
    "inquiries.end_place",
    "inquiries.give_back_inquiry",
    "inquiries.hand_over_call",
    "inquiries.hand_over_inquiry",
    "inquiries.heard_elsewhere",
    "inquiries.join_person",
    "inquiries.reopen_inquiry",
    "inquiries.unjoin_person",
    "messages.hold",
    "messages.leave",
    "messages.send_again",
    "records.release",
    "release.discard_consent",
    "release.end_consent",
    "release.end_named",
    "release.free_consent",
    "release.review_access",
    "release.revoke_consent",
    "release.sign_consent",
    "release.stop_contact",
    "release.stop_inquiry_contact",
    "release.told_contact",
    "release.told_referrer",
    "release.verify_contact",
    "release.verify_inquiry_contact",
    "screening.accept",
    "screening.complete",
    "screening.cosign",
    "screening.override",
    "tapers.ask",
    "tapers.back",
    "tapers.clear",
    "tapers.pause",
    "tapers.release",
    "tapers.resume",
    "tapers.stop",
}

# One row by the key of what is sent: a draft, the request of a browser, the sender's own key, a report's id. The draft
# of a plan is one a case; from the second saving on it carries its version, and two hands are laid together.
KEYED = {
    "checkins.feelings",
    "checkins.more",
    "checkins.send",
    "inquiries.change_sent",
    "inquiries.check",
    "inquiries.discard_call",
    "inquiries.emergency",
    "inquiries.finish_call",
    "inquiries.receive_referral",
    "inquiries.save_call",
    "inquiries.send_referral",
    "inquiries.step",
    "messages.bounce",
    "screening.question",
    "screening.question_check",
    "tapers.draft",
}

# Sets a value to what was sent, or replaces what was there: twice is the same as once.
VALUE = {
    "accounts.change_role",
    "accounts.invite_again",
    "accounts.keys",
    "accounts.ping",
    "desk.confirm_unit",
    "inquiries.complete_by_hand",
    "inquiries.complete_referral",
    "inquiries.leave",
    "messages.preferences_open",
    "messages.stop",
    "messages.stop_open",
    "tapers.reach",
}

# Proves who somebody is with something that works once: a code, a challenge, a link, a session.
PROOF = {
    "accounts.add_passkey",
    "accounts.change_password",
    "accounts.code",
    "accounts.enrol",
    "accounts.invitation_open",
    "accounts.new_passkey",
    "accounts.new_password_open",
    "accounts.recover",
    "accounts.recovery_codes",
    "accounts.sign_in",
    "accounts.sign_out",
    "accounts.step_up",
    "accounts.use_passkey",
    "checkins.start_open",
    "screening.questions_open",
}

# Looks something up, or hands out what was written down before.
READ = {
    "desk.audit_verify",
    "desk.find",
    "release.fetch_copy",
}

ANSWERS = (VERSION, MOVE, KEYED, VALUE, PROOF, READ)
