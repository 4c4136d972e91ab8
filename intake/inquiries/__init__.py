"""First contact: the public form, the call, the referral; attempts, promises and clocks."""
