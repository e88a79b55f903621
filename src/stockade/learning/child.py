"""The process in which trials are evaluated; see `stockade.learning.isolated`."""

import json
import os
import select
import sys
from dataclasses import asdict
from typing import Any

from stockade.learning.split import Split
from stockade.learning.trial import Objective, load_rows

# A child that is not asked anything for so long lets go of the rows: their files may be gone.
_IDLE_SECONDS = 30.0


def as_text(objective: Objective) -> str:
    """An objective as it travels: reading it takes no learner's import."""
    return json.dumps(asdict(objective), default=_slice)


def _slice(value: object) -> object:
    if isinstance(value, slice):
        return [value.start, value.stop]
    raise TypeError(type(value).__name__)


def _objective(text: str) -> Objective:
    fields = json.loads(text)
    folds = tuple(
        Split(train=slice(*fold["train"]), validation=slice(*fold["validation"]))
        for fold in fields["folds"]
    )
    categories = tuple((name, tuple(values)) for name, values in fields["categories"])
    plain: dict[str, Any] = {
        **fields, "inputs": tuple(fields["inputs"]), "folds": folds, "categories": categories,
        "monotone": tuple((name, way) for name, way in fields["monotone"]),
    }  # fmt: skip
    return Objective(**plain)


def _serve(answers: int) -> None:
    """Answer requests until the parent is gone."""
    os.write(answers, b"ready\n")
    while True:
        if not select.select([sys.stdin], [], [], _IDLE_SECONDS)[0]:
            load_rows.cache_clear()
        request = sys.stdin.readline()
        if not request:
            return
        objective, params, bars = json.loads(request)
        answer = json.dumps(_objective(objective)(params, bars)).encode() + b"\n"
        while answer:
            answer = answer[os.write(answers, answer) :]


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
