"""Words that are looked up where they are shown, named here so that the catalogue keeps them.

Sentences of services and of the browser's mistakes, and the items of the two instruments that patients fill in.
"""

from __future__ import annotations


def N_(text: str) -> str:
    """Mark a string for the catalogue, and nothing else."""
    return text


WORDS = (
    N_("Please answer the first questions first."),
    N_("Please sign in again."),
    N_("That did not work."),
    N_("That was too large to send."),
    N_("That was too often in a short time. Wait a minute and try again."),
    N_("The browser sent something this page cannot read."),
    N_("There is a problem. Look at the marked answers."),
    N_("There is no such page."),
    N_("This address does not take that."),
    N_("This link has ended."),
    N_("You already did this. Thank you."),
    N_("You may not open this page."),
    N_("Your plan has changed. Please ask your team."),
    N_("aching bones and muscles"),
    N_("anxious"),
    N_("average pain"),
    N_("cold flushes"),
    N_("gooseflesh"),
    N_("hot flushes"),
    N_("how much pain got in the way of daily activity"),
    N_("how much pain got in the way of enjoying life"),
    N_("muscle twitching"),
    N_("nausea"),
    N_("restless"),
    N_("runny nose"),
    N_("shaking"),
    N_("stomach cramps"),
    N_("sweating"),
    N_("teary eyes"),
    N_("urge to use"),
    N_("vomiting"),
    N_("yawning"),
)
