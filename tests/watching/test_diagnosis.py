"""An alert on record is told from the day that is explained best."""

import json
from datetime import date

import pandas as pd
import pytest

from stockade.errors import UnknownNameError
from stockade.watching.diagnosis import diagnosis_lines, of_record

CAUSE = {"kind": "unit change", "text": "'amount' is 100 times larger", "explained": 0.9,
         "counterfactual": "undone, the PSI is 0.03"}  # fmt: skip


def alerts() -> pd.DataFrame:
    same = {"alert_id": "a1b2", "root": "table transfers", "severity": "critical",
            "first_day": date(2026, 3, 1), "models": "returns"}  # fmt: skip
    return pd.DataFrame(
        [
            {**same, "on_day": date(2026, 3, 1), "explained": 0.9,
             "evidence": json.dumps({"signals": ["psi is 4"], "causes": [CAUSE]})},
            {**same, "on_day": date(2026, 3, 2), "explained": 0.0,
             "evidence": json.dumps({"signals": ["rows are 3"], "causes": []})},
        ]
    )  # fmt: skip


def test_an_alert_is_told_with_its_counterfactual() -> None:
    said = list(diagnosis_lines(of_record(alerts(), "a1b2")))

    assert said == [
        "alert a1b2: critical, table transfers, 2026-03-01 to 2026-03-02, reaches returns",
        "1. unit change (90% of the alarm): 'amount' is 100 times larger",
        "   undone, the PSI is 0.03",
        "seen on 2026-03-01:",
        "  psi is 4",
    ]


def test_an_unknown_alert_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no alert is called 'a1b3'.*a1b2"):
        of_record(alerts(), "a1b3")
