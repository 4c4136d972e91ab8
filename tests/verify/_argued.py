"""Why a change of the rules may go unnoticed: “file: before -> after” to the argument."""

from __future__ import annotations

ARGUED: dict[str, str] = {
    "cadence.py: moment.astimezone(place).replace(tzinfo=None) < wall -> "
    "moment.astimezone(place).replace(tzinfo=None) <= wall": (
        "Inside a gap no reading of the clock equals the time on the wall, so the two never differ."
    ),
    "factors.py: 0 -> 1": "The dose only picks the step of the methadone scale of 2016, and 0 and 1 mg share one.",
    "instruments/scoring.py: 0 -> 1": "The band of a RODS of 0, where 0 and 1 share the lowest one.",
    "instruments/scoring.py: abs(answer) < 1000000 -> abs(answer) <= 1000000": (
        "No option has such a value, so the answer is refused a line later either way."
    ),
    "instruments/scoring.py: 1000000 -> 1000001": "The same guard against absurd numbers, one number higher.",
    "instruments/withdrawal.py: a >= value -> a > value": (
        "A value that is an anchor has words of its own; between two anchors no anchor equals it."
    ),
    "oih.py: _signs(known)[1] > 0 -> _signs(known)[1] >= 0": (
        "Without signs the points for withdrawal reach 4 of the 5 needed to come here, which a test holds."
    ),
    "oih.py: 0 -> 1": "Signs of withdrawal have 0, 3 or 4 points.",
    "products.py: 1 -> 2": "Only what stands before the first underscore is taken, however often the rest is cut.",
    "routing/changes.py: entry[0] <= now -> entry[0] < now": (
        "The range that holds the value of now leads here, not elsewhere, so no other range begins there."
    ),
    "routing/changes.py: entry[0] > now -> entry[0] >= now": "For the same reason: no other range begins at now.",
    "routing/changes.py: edge <= NUMBERS[name] -> edge < NUMBERS[name]": (
        "No threshold stands at the highest value of its fact, coded or allowed where it would lead elsewhere."
    ),
    "routing/facts.py: 0 -> 1": "A short cut for whole numbers; a 0 takes the long way to the same value.",
    "routing/facts.py: 0 <= value <= NUMBERS[name] -> 0 < value <= NUMBERS[name]": "The same short cut.",
    "routing/facts.py: 0 <= value <= NUMBERS[name] -> 0 <= value < NUMBERS[name]": (
        "The same short cut; the highest number takes the long way to the same value."
    ),
    "taper/build.py: totals[at] > rate.goal -> totals[at] >= rate.goal": (
        "At the goal every lower rung lies below it, so the walk ends two lines later either way."
    ),
    "taper/build.py: 2300 -> 2301": "A guard against running out of the calendar; any year far away does.",
    "taper/build.py: self.next.toordinal() + length.days > _LAST_DAY -> "
    "self.next.toordinal() + length.days >= _LAST_DAY": "The same guard, one day in the year 2300 earlier.",
    "taper/build.py: 1 -> 2": (
        "Twice the day of a guard in the year 2300; once the interval of steps made by hand, which is never read."
    ),
    "taper/build.py: drop <= asked -> drop < asked": "A drop as large as asked stretches the interval to itself.",
    "taper/build.py: self.next.toordinal() + length.days -> self.next.toordinal() - length.days": (
        "The same guard against running out of the calendar, one step later."
    ),
    "taper/checks.py: 3650 -> 3651": "A guard against absurd lengths, one day longer than ten years.",
    "taper/checks.py: 100000 -> 100001": "A guard against absurd doses, thousands of times the largest product.",
    "taper/ladder.py: 256 -> 257": "The size of a cache.",
    "taper/review.py: 0 -> 1": "No step is shorter than a day.",
    "taper/review.py: 1 -> 2": "What is only shown is listed last, so with an equal rank it stays there.",
    "taper/review.py: 2 -> 3": "Any rank behind the others sorts the same.",
    "taper/speed.py: 28 % interval_days -> 28 * interval_days": (
        "A whole exponent comes to the same by the power, to 50 digits."
    ),
    "taper/speed.py: 50 -> 51": "Digits of a root, compared with a tolerance of one in a thousand million.",
    "taper/speed.py: 0 -> 1": "A cut of everything comes to the same by the power; a rate of 0 is refused.",
}
