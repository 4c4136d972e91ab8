"""Units, beds and outpatient slots, holds and stays: capacity, derived and never counted."""
