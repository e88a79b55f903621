"""Check a written training set for hindsight on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade audit` with the task's parameters."""
    cli.main("audit")


if __name__ == "__main__":
    main()
