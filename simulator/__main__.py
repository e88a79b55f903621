"""Write a world as Parquet: `python -m trust_safety.simulator --scale 0.1 --into folder`."""

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from stockade.errors import DefinitionError
from trust_safety.simulator.generate import batches, write
from trust_safety.simulator.rates import load_rates
from trust_safety.simulator.world import DRIFTS, FAULTS, START, Switch, world


def main() -> int:
    """Write, and say what was written; 1 where something asked for cannot be."""
    arguments = _parser().parse_args()
    begin = time.monotonic()
    try:
        chosen = world(
            arguments.scale,
            seed=arguments.seed,
            days=arguments.days,
            evasion=arguments.evasion,
            switches=tuple(_switch(text) for text in arguments.switch),
            rates=load_rates(Path(arguments.rates) if arguments.rates else None),
        )
    except (DefinitionError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    count = len(batches(chosen))
    print(f"{chosen.users:,} users, {chosen.days} days from {START}, seed {chosen.seed}")
    rows: dict[str, int] = {}
    for number, written in enumerate(
        write(chosen, Path(arguments.into), processes=arguments.processes), start=1
    ):
        for name, size in written.items():
            rows[name] = rows.get(name, 0) + size
        if sys.stdout.isatty():
            print(f"\r{number} of {count} parts, {sum(rows.values()):,} rows", end="", flush=True)
    print(f"\n{sum(rows.values()):,} rows in {time.monotonic() - begin:.1f} s: {arguments.into}")
    for name, size in rows.items():
        print(f"  {name:<26}{size:>14,}")
    return 0


def _switch(text: str) -> Switch:
    name, _, day = text.partition("=")
    try:
        on = date.fromisoformat(day)
    except ValueError:
        raise DefinitionError(f"switch '{text}' must be name=YYYY-MM-DD") from None
    return Switch(name=name, on=on)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trust_safety.simulator", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="1 is 30,000 users and a year")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--days", type=int, help="how many days are lived")
    parser.add_argument("--evasion", type=int, default=1, help="0 to 3: how far crime adapts")
    parser.add_argument("--rates", help="a file like rates.csv, with rates to change")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--into", required=True, help="folder for the tables")
    parser.add_argument(
        "--switch",
        action="append",
        default=[],
        metavar="NAME=DAY",
        help=f"a drift ({', '.join(DRIFTS)}) or a fault ({', '.join(FAULTS)})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
