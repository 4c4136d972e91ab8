"""The stems of the email filter: English as approved, Spanish in addition for Spanish messages.

Sources: clinical.md 6.4; rulings 26 (the Spanish list is the project's, to be confirmed by a clinician who speaks it).
"""

from __future__ import annotations

ENGLISH: tuple[str, ...] = (
    "opioid", "opiate", "addict", "detox", "taper", "withdrawal", "rehab", "recover", "sober", "substance",
    "overdose", "naloxone", "narcan", "buprenorphine", "suboxone", "subutex", "methadone", "oxycod", "hydrocod",
    "hydromorph", "morphin", "fentanyl", "tramadol", "tapentadol", "codeine", "oxymorph", "heroin", "percocet",
    "vicodin", "oxycontin", "dilaudid", "benzodiazepine", "xanax", "alprazolam", "clonazepam", "lorazepam",
    "drug", "alcohol", "craving", "relapse", "urine", "hyperalgesia", "diagnos", "psychiatr", "suicid",
    "pain score", "cows", "sows", "phq", "pill", "tablet", "dose", "dosage", "milligram", "refill",
    "prescription", "pharmacy", "controlled", "treatment", "dependence", "abuse", "misuse", "clean date",
)  # fmt: skip

SPANISH: tuple[str, ...] = (
    "abstinencia", "abuso", "adicc", "adicta", "adicto", "analgésic", "ansias de", "benzodia", "buprenorfina",
    "cápsula", "codeína", "comprimido", "consumo", "controlad", "dependencia", "desintoxic", "diagnós",
    "disminución gradual", "dosis", "droga", "escala de dolor", "estupefaciente", "farmacia", "fentanilo",
    "heroína", "hidrocodona", "hidromorfona", "hiperalgesia", "medicación", "medicamento", "medicina", "metadona",
    "miligramo", "morfina", "naloxona", "narcótic", "opiáce", "opioide", "orina", "oxicodona", "oximorfona",
    "pastilla", "psiquiatr", "recaída", "receta", "recuperación", "reducción gradual", "rehabilita", "resurtido",
    "sobriedad", "sobrio", "sustancia", "tableta", "terapia", "toxicóman", "tratamiento",
)  # fmt: skip
