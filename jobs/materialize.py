"""Take snapshots of feature views on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade materialize` with the task's parameters."""
    cli.main("materialize")


if __name__ == "__main__":
    main()
