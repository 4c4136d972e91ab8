"""The rules as Markdown tables with their sources, for a medical director to read and sign.

Printed by `flask intake clinical table NAME`; all of them together are docs/clinical.md. Every figure is read from the
rules themselves, so the page cannot say anything else than the product does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from intake.errors import RuleBroken

from . import factors, mme, oih, routing
from .exact import half_up
from .instruments import ALERT_WORDS, SCORER_VERSION, Instrument, Item, every
from .plan_flags import PLAN_FLAGS
from .products import PRODUCTS
from .products import VERSION as PRODUCTS_VERSION
from .routing.rule import VERSION as ROUTING_VERSION
from .stems import ENGLISH, SPANISH

_MARKS = (
    "V read in a source; K general clinical knowledge, to be confirmed; P project rule, to be confirmed by the center."
)


def table(name: str) -> str:
    """Return one table as Markdown.

    Args:
        name: a name of `NAMES`, or one of the other names in `ALIASES`.

    Raises:
        RuleBroken: UNKNOWN_TABLE; the message lists the names.
    """
    write = NAMES.get(ALIASES.get(name, name))
    if write is None:
        raise RuleBroken(f"There is no table called {name}; there are: {', '.join(NAMES)}.", code="UNKNOWN_TABLE")
    return write()


def document() -> str:
    """Return the page docs/clinical.md: all tables, and where to sign."""
    head = (
        "# Clinical rules and figures\n\n"
        "Written by `flask intake clinical table all`; do not edit by hand. Nothing here is a validated\n"
        "medical device. Every result is a prompt for a clinician: no diagnosis is made, no medicine is ordered,\n"
        "and no dose is chosen.\n\n"
        "Read and approved for use in this center:\n\n"
        "| Medical director | Date | Signature |\n|---|---|---|\n|  |  |  |\n"
    )
    return "\n".join([head, *(write() for write in NAMES.values())])


def instruments() -> str:
    """Return the instruments: range, missing rule, bands, alerts, codes, rights, then the items of each."""
    rows = [
        (i.short, i.key, _span(i), i.missing, _bands(i), _alerts(i), _codes(i), "on" if i.enabled else "off", i.rights)
        for i in every()
    ]
    head = ("Instrument", "Key", "Range", "Missing", "Bands", "Alerts", "LOINC", "Ships", "Rights")
    alerts = _table(("Alert", "Meaning"), ALERT_WORDS.items())
    missing = (
        "Missing answers: none = all items are needed; bounds = low and high instead of a total, a band only when both"
        " ends share it, alerts on the low end; prorate2 = up to two are filled with the mean of the others, half-up;"
        " cssrs = the branching of the screener, worst case when recency is unknown, never “none” while unfinished."
    )
    parts = [
        f"## Instruments (scorer version {SCORER_VERSION})",
        "Topics and options are in own words; the center imports official wording it has the right to.",
        _table(head, rows),
        missing,
        alerts,
        *(_one_instrument(i) for i in every()),
    ]
    return _page(parts)


def pain() -> str:
    """Return the OIH screen: points, decision and words."""
    points = [
        *((oih.FACT_WORDS[f], "yes", "oih", n) for f, n in oih.SYMPTOM_POINTS.items()),
        *((oih.FACT_WORDS["inc"], a, "oih", n) for a, n in oih.INCREASE_POINTS.items()),
        *((oih.FACT_WORDS["dec"], a, "oih", n) for a, n in oih.DECREASE_POINTS.items()),
        *((oih.FACT_WORDS[f], a, "tolerance", n) for (f, a), n in oih.TOLERANCE_POINTS.items()),
        *((oih.FACT_WORDS[f], "yes", "withdrawal", n) for f, n in oih.WITHDRAWAL_POINTS.items()),
        ("Withdrawal signs", "COWS 5 to 12 or SOWS 11 to 20", "withdrawal", 3),
        ("Withdrawal signs", "COWS 13 or SOWS 21 and above", "withdrawal", 4),
    ]
    needs = (
        f"Needed: OIH {oih.OIH_NEEDED}, tolerance {oih.TOLERANCE_NEEDED}, withdrawal {oih.WITHDRAWAL_NEEDED} points;"
        f" {oih.EXPOSURE_DAYS_NEEDED} days of daily opioid use. The OIH score never falls below 0."
        " Points are project numbers (P)."
    )
    parts = [
        f"## Pain pattern: hyperalgesia, tolerance or withdrawal (version {oih.VERSION})",
        f"An {oih.LABEL}; never a dose.",
        _table(("Fact", "Answer", "Scale", "Points"), points),
        needs,
        _table(("Class", "Shown as"), oih.CLASS_WORDS.items()),
        _table(("Reason", "Meaning"), oih.REASON_WORDS.items()),
        "Topics shown to the clinician: " + "; ".join(oih.TOPICS) + ".",
        "Sources: features adapted from Pain Management 2021 11(4); Fishbain 2009; two background articles.",
    ]
    return _page(parts)


def mme_factors() -> str:
    """Return the factor tables, the scale of methadone in 2016, and the words for how often."""
    drugs = sorted(set(mme.FACTOR_TABLES["cdc2022"]) | set(mme.FACTOR_TABLES["cdc2016"]))
    rows = [(d, *(_number(mme.FACTOR_TABLES[t].get(d)) or "by daily dose" for t in mme.FACTOR_TABLES)) for d in drugs]
    scale = [(f"up to {edge} mg a day", _number(f)) for edge, f in factors.METHADONE_2016]
    scale.append((f"above {factors.METHADONE_2016[-1][0]} mg a day", _number(factors.METHADONE_2016_ABOVE)))
    extended = [(d, _number(f), "CDC data file 2017") for d, f in mme.EXTENDED.items()]
    parts = [
        f"## Morphine milligram equivalents (version {mme.VERSION})",
        f"{mme.NOT_FOR_CONVERSION} Patches: per mcg/h worn at one time. Buprenorphine is never converted.",
        _table(("Opioid", *mme.FACTOR_TABLES), rows),
        _table(("Methadone, table of 2016", "Factor"), scale),
        _table(("Further opioid, flagged FACTOR_NOT_IN_CDC2022_TABLE", "Factor", "Source"), extended),
        _table(("How often", "Times a day"), mme.FREQUENCIES.items()),
        _table(("Flag", "Meaning"), mme.FLAG_WORDS.items()),
        "Bands from the exact total: below 50, 50 to below 90, 90 and above. Acetaminophen: prompts above 3000 and"
        f" above 4000 mg a day. Patches as dispensed: {_number(mme.DISPENSING)} x mcg/h x patches / days, never"
        " used for intake.",
        "Sources: " + "; ".join(f"{name}: {words}" for name, words in factors.TABLE_SOURCES.items()) + ".",
    ]
    return _page(parts)


def products() -> str:
    """Return the opioid products: strengths, most units in one dose, factor, release class."""
    rows = [
        (
            p.name,
            p.key,
            " ".join(_number(s) for s in p.strengths),
            p.unit,
            p.max_units,
            "smallest only" if p.halves else "no",
            _number(p.factor) or "none",
            p.release,
            p.form,
        )
        for p in PRODUCTS.values()
    ]
    head = ("Product", "Key", "Strengths", "Unit", "Most units in one dose", "Halves", "MME factor", "Release", "Form")
    parts = [
        f"## Opioid products and strengths (version {PRODUCTS_VERSION})",
        "Strengths are data: each center confirms what is sold and stocked there.",
        _table(head, rows),
        "Sources: general labelling knowledge, in part PMC2386360 (K); factors: CDC 2022.",
    ]
    return _page(parts)


def taper() -> str:
    """Return the codes that stop a plan or ask for a signature."""
    parts = [
        "## Taper: what stops a plan and what asks for a signature",
        "HARD codes block activation; only a prescriber with a written reason and a second signature may release one,"
        " the suicide one only after a new screen. ACK codes need one signature with a reason. Speed is the"
        " nominal fall in 28 days, in percent.",
        _table(("Code", "Rule", "Source"), PLAN_FLAGS),
    ]
    return _page(parts)


def rules() -> str:
    """Return the rules of placement, the flags and the targets."""
    rows = [(r.id, r.queue, r.acuity, r.sentence, ", ".join(r.reads), r.mark) for r in routing.RULES]
    flags = [(f.id, f.flag, f.words, ", ".join(f.reads)) for f in routing.FLAG_RULES]
    parts = [
        f"## Routing (rule set version {ROUTING_VERSION})",
        "The queue is the first of "
        + ", ".join(routing.QUEUES)
        + " among the rules that fired; the acuity is the smallest of all of them. Unknown never satisfies a limit."
        " A proposal: a clinician accepts it or overrides it with a reason.",
        _table(("Rule", "Queue", "Acuity", "Condition and why", "Facts read", "Mark"), rows),
        _table(("Flag rule", "Flag", "Condition", "Facts read"), flags),
        _table(("Acuity", "Minutes to the first human contact"), routing.TARGET_MINUTES.items()),
        f"Marks: {_MARKS}",
    ]
    return _page(parts)


def wording() -> str:
    """Return the stems of the email filter."""
    parts = [
        "## Words that no email holds",
        "A stem is found anywhere, also inside a word or a link. Besides: a number with mg, mcg or mme; a name of the"
        " center; a link that is not https or names a person.",
        _table(("Language", "Stems"), [("English", ", ".join(ENGLISH)), ("Spanish, in addition", ", ".join(SPANISH))]),
        "Sources: 42 CFR 2.11 (what a disclosure is); the Spanish list is a project list (P).",
    ]
    return _page(parts)


NAMES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "instruments": instruments,
        "oih": pain,
        "mme": mme_factors,
        "products": products,
        "taper": taper,
        "routing": rules,
        "wording": wording,
    }
)
ALIASES: Mapping[str, str] = MappingProxyType(
    {"factors": "mme", "strengths": "products", "rules": "routing", "route": "routing", "flags": "taper"}
)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _number(value: Fraction | None) -> str:
    """Return an exact decimal without needless zeros; empty for none."""
    return "" if value is None else format(half_up(value, 3).normalize(), "f")


def _span(instrument: Instrument) -> str:
    return "none" if instrument.low is None else f"{instrument.low} to {instrument.high}"


def _bands(instrument: Instrument) -> str:
    return "; ".join(f"{b.code} {b.low}" if b.low == b.high else f"{b.code} {b.low}-{b.high}" for b in instrument.bands)


def _alerts(instrument: Instrument) -> str:
    return "; ".join(f"{t.code} {t.at}+" for t in instrument.thresholds)


def _codes(instrument: Instrument) -> str:
    return "; ".join(f"{what} {code}" for what, code in instrument.loinc.items() if code)


def _one_instrument(instrument: Instrument) -> str:
    rows = [
        (item.id, item.topic + (f" ({item.hint})" if item.hint else ""), _answers(item), item.loinc or "")
        for item in instrument.items
    ]
    positive = ", ".join(f"{who} {at}+" for who, at in instrument.positive_at.items())
    lines = [
        f"### {instrument.short}: {instrument.title} (version {instrument.version}, rated by {instrument.rater})",
        _table(("Item", "Topic", "Answers and points", "LOINC"), rows),
        f"Positive from: {positive}." if positive else "",
        instrument.note,
        f"Source: {instrument.source}.",
    ]
    return "\n\n".join(line for line in lines if line)


def _answers(item: Item) -> str:
    if not item.options:
        return f"whole number {item.minimum} to {item.maximum}"
    words = "; ".join(
        o.label if o.label.split(", ")[0] == str(o.value) else f"{o.value}: {o.label}" for o in item.options
    )
    if item.reversed:
        words += " (reversed: No scores 1)"
    if not item.scored:
        words += " (no points)"
    if item.gate:
        words += f" (only if {item.gate.item} is {item.gate.value})"
    return words + (" (worked out from the date of birth)" if item.derived else "")
