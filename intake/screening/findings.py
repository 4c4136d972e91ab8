"""From answers to findings: scores, MME, the explanation of pain, and the facts that routing reads.

Pure over the stored answers; everything a client may have added up is ignored. Unknown and blank are None, never "no".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from intake.clinical import instruments, mme, oih, routing
from intake.clinical.instruments import Instrument, Score
from intake.errors import RuleBroken
from intake.screening.lines import OPIOID_COLUMNS, ROW_LIMITS, STREET, TABLES, UNKNOWN, cell_name
from intake.screening.parts import DANGER, OIH, PARTS
from intake.screening.questions import item_name

Values = Mapping[str, Any]

_ALL_INSTRUMENTS: tuple[Instrument, ...] = tuple(i for part in PARTS for i in part.instruments())
_DECIMALS = tuple(c.name for c in OPIOID_COLUMNS if c.kind == "decimal")
_TRUTH: Mapping[str, str] = {
    "overdose_90d": "overdose_90d",
    "cannot_keep_fluids": "cannot_keep_fluids",
    "prior_complicated_withdrawal": "prior_complicated_withdrawal",
    "medical_unstable": "medical_unstable",
    "psych_unstable": "psych_unstable",
    "support": "support",
    "failed_taper": "taper_ended_early",
    "pain_excluded": "pain_excluded",
    "treatable_problem": "treatable_problem",
}


def flat(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers of a stored document {part: {name: value}} as one mapping; names are unique over the parts."""
    return {name: value for part in PARTS for name, value in document.get(part.key, {}).items()}


def answers_of(instrument: Instrument, values: Values) -> dict[str, int | None]:
    """Return item -> value of one instrument; unknown and blank are None."""
    found = ((item.id, values.get(item_name(instrument.key, item.id))) for item in instrument.items)
    return {item: value if isinstance(value, int) else None for item, value in found}


def is_started(instrument: Instrument, values: Values) -> bool:
    """Tell whether any item of the instrument has a value (unknown alone does not start it)."""
    return any(value is not None for value in answers_of(instrument, values).values())


def blank_items(instrument: Instrument, values: Values) -> tuple[str, ...]:
    """The items of a started instrument that still need an answer; one marked unknown needs none."""
    if not is_started(instrument, values):
        return ()
    missing = instruments.score(instrument.key, answers_of(instrument, values)).missing
    asked = (item for item in missing if not instrument.item(item).derived)
    return tuple(item for item in asked if values.get(item_name(instrument.key, item)) is None)


def score_of(instrument: Instrument, values: Values, context: Mapping[str, object] | None = None) -> Score:
    """Score one instrument from the stored answers; `only_as_prescribed` is read from them.

    `context` may carry `derived`: item -> value of what is worked out and never asked.

    Raises:
        RuleBroken: an answer outside the instrument's options.
    """
    more = {"only_as_prescribed": values.get("only_as_prescribed") == "yes"} if instrument.key == "oud_dsm5" else {}
    given = {name: value for name, value in (context or {}).items() if name != "derived"}
    derived: Any = (context or {}).get("derived", {})
    return instruments.score(instrument.key, {**answers_of(instrument, values), **derived}, {**given, **more})


def scores(values: Values, contexts: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, Score]:
    """Score every started instrument: key -> Score, in the order of the pages."""
    given = contexts or {}
    return {i.key: score_of(i, values, given.get(i.key)) for i in _ALL_INSTRUMENTS if is_started(i, values)}


def rows(table: str, values: Values) -> dict[int, dict[str, Any]]:
    """The filled rows of a table: number on the page -> column -> value."""
    found: dict[int, dict[str, Any]] = {}
    for n in range(1, ROW_LIMITS[table] + 1):
        row = {c.name: values[k] for c in TABLES[table] if values.get(k := cell_name(table, n, c.name)) is not None}
        if row:
            found[n] = row
    return found


@dataclass(frozen=True, slots=True)
class DailyMme:
    """Both daily totals: as needed lines at their prescribed maximum, and at the amount really taken.

    `higher` decides the band. `problems`: row number -> field -> sentence, for lines that cannot be counted yet; they
    make the total a lower bound.
    """

    prescribed: mme.MmeTotal
    reported: mme.MmeTotal
    problems: Mapping[int, Mapping[str, str]]

    @property
    def higher(self) -> mme.MmeTotal:
        """The total that counts."""
        return max(self.prescribed, self.reported, key=lambda t: t.total)

    @property
    def is_lower_bound(self) -> bool:
        """Something that is an opioid could not be counted."""
        return bool(self.problems) or self.prescribed.is_lower_bound or self.reported.is_lower_bound

    @property
    def flags(self) -> tuple[str, ...]:
        """The codes of both totals, sorted, each once."""
        return tuple(sorted({*self.prescribed.flags, *self.reported.flags}))

    def as_dict(self) -> dict[str, object]:
        """Return what is stored in the open: totals, band and codes, no name of a medicine."""
        return {
            "table": self.higher.table,
            "version": mme.VERSION,
            "total": str(self.higher.total),
            "display": str(self.higher.display),
            "prescribed": str(self.prescribed.total),
            "reported": str(self.reported.total),
            "band": self.higher.band,
            "is_lower_bound": self.is_lower_bound,
            "flags": list(self.flags),
        }


def daily_mme(values: Values) -> DailyMme | None:
    """Work out the daily MME of all opioid rows, None when there is none.

    Source: clinical.md 3.1 (3): as needed counts the prescribed maximum and, beside it, the amount really taken.
    """
    lines: list[mme.OpioidLine] = []
    problems: dict[int, dict[str, str]] = {}
    for n, row in rows("opioids", values).items():
        try:
            line = opioid_line(row)
            mme.check(line)
        except RuleBroken as broken:
            problems[n] = broken.fields or {"drug": broken.message}
        else:
            lines.append(line)
    if not lines and not problems:
        return None
    prescribed = [_prescribed(line) for line in lines]
    return DailyMme(mme.total(prescribed, extended=True), mme.total(lines, extended=True), problems)


def _prescribed(line: mme.OpioidLine) -> mme.OpioidLine:
    """The line at its prescribed maximum; without a prescribed frequency only the reported amount is known."""
    if line.freq is None or line.per_day is None:
        return line
    known = {name: getattr(line, name) for name in line.__dataclass_fields__}
    return mme.OpioidLine(**{**known, "per_day": None})


def opioid_line(row: Mapping[str, Any]) -> mme.OpioidLine:
    """Return one stored row as the calculator reads it. `strength` is mg, mcg/h for patches, mcg for transmucosal.

    Raises:
        RuleBroken: the row names no opioid.
    """
    drug = str(row.get("drug", ""))
    if not drug:
        raise RuleBroken("Name the opioid.", code="DRUG_NEEDED", fields={"drug": "Name the opioid."})
    numbers: dict[str, Any] = {name: Decimal(row[name]) for name in _DECIMALS if row.get(name) is not None}
    if drug == STREET:
        return mme.OpioidLine(drug, illicit=True)
    if row.get("strength") is None and "mg_per_ml" in numbers:
        numbers["strength"] = numbers["mg_per_ml"]
    return mme.OpioidLine(
        drug=drug,
        freq=row.get("freq"),
        route=row.get("route"),
        indication=row.get("indication"),
        prn=row.get("prn") == "yes",
        **numbers,
    )


def pain_pattern(values: Values, scored: Mapping[str, Score]) -> oih.Explanation | None:
    """Weigh the answers about rising pain, None when none was given. Withdrawal totals come from this sitting only."""
    words = {q.name: values[q.name] for q in OIH if values.get(q.name) not in (None, UNKNOWN)}
    if not words:
        return None
    totals: dict[str, Any] = {key: _at_least(scored.get(key), edge) for key, edge in (("cows", 13), ("sows", 21))}
    return oih.weigh(oih.OihAnswers(**words, **totals))


def _total(score: Score | None) -> int | None:
    return score.score if score is not None and isinstance(score.score, int) else None


def _at_least(score: Score | None, limit: int) -> int | None:
    """The total; of an open one the low end, when its band is certain or it already reaches `limit`."""
    if score is None or score.low is None:
        return _total(score)
    return score.low if score.band is not None or score.low >= limit else None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything one set of answers comes to."""

    scores: Mapping[str, Score]
    mme: DailyMme | None
    explanation: oih.Explanation | None
    facts: routing.Facts


def findings(
    values: Values, *, age: int | None = None, contexts: Mapping[str, Mapping[str, object]] | None = None
) -> Findings:
    """Work out all findings; `age` in years stands in when the page's own question is blank."""
    scored = scores(values, contexts)
    daily = daily_mme(values)
    explanation = pain_pattern(values, scored)
    return Findings(scored, daily, explanation, facts(values, scored, daily, explanation, age))


def facts(
    values: Values,
    scored: Mapping[str, Score],
    daily: DailyMme | None,
    explanation: oih.Explanation | None,
    age: int | None,
) -> routing.Facts:
    """Lay the answers out as the facts of clinical.md 5.3; what is not known is None (or the word unknown there)."""
    cssrs = scored.get("cssrs_screen")
    counted = daily.higher.total if daily is not None and daily.higher.lines else None
    found: dict[str, Any] = {name: truth(values.get(name)) for name in DANGER}
    found |= {fact: truth(values.get(name)) for fact, name in _TRUTH.items()}
    found |= {name: _word(values, name) or UNKNOWN for name in ("alcohol", "benzo", "pregnancy")}
    found |= {name: _word(values, name) for name in ("living", "readiness", "speed_requested", "moud")}
    if found["pregnancy"] == "not_applicable":
        found["pregnancy"] = "no"
    return routing.Facts(
        **found,
        age=values.get("age") if values.get("age") is not None else age,
        cssrs=None if cssrs is None else cssrs.risk,
        phq9_item9=_whole(values.get(item_name("phq9", "p9"))),
        cows=_at_least(scored.get("cows"), 13),
        sows=_at_least(scored.get("sows"), 21),
        ciwa=_at_least(scored.get("ciwa_ar"), 10),
        auditc=_at_least(scored.get("auditc"), 8),
        oud_criteria=_at_least(scored.get("oud_dsm5"), 6),
        mme=counted,
        opioid_use=opioid_use(values),
        days_since_last_opioid=_days_since_last(values),
        failed_outpatient_12m=_whole(values.get("outpatient_tries_12m")),
        oih="not_done" if explanation is None else explanation.class_,
    )


def truth(value: object) -> bool | None:
    """yes is True, no is False; unknown, not able to ask and blank are None."""
    return True if value == "yes" else False if value == "no" else None


def _word(values: Values, name: str) -> str | None:
    value = values.get(name)
    return None if value in (None, UNKNOWN) else str(value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def opioid_use(values: Values) -> str | None:
    """What was answered, else what the rows say; None when neither is known."""
    answered = _word(values, "opioid_use")
    if answered is not None:
        return answered
    drugs = [row.get("drug") for row in rows("opioids", values).values() if row.get("drug")]
    street = STREET in drugs
    if not drugs:
        return None
    return "prescribed" if not street else "illicit" if set(drugs) == {STREET} else "both"


def _days_since_last(values: Values) -> Fraction | None:
    hours = values.get("last_opioid_hours")
    if hours is None:
        given = [row["last_hours"] for row in rows("opioids", values).values() if "last_hours" in row]
        hours = min(given, default=None)
    return None if hours is None else Fraction(int(hours), 24)
