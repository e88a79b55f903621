"""Compact, clean and check tables on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade maintain` with the task's parameters."""
    cli.main("maintain")


if __name__ == "__main__":
    main()
