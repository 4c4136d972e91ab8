"""Signed dose schedules: plans, versions, holds; draft, sign, pause, resume, stop."""
