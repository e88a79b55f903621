"""Score new decisions on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade score` with the task's parameters."""
    cli.main("score")


if __name__ == "__main__":
    main()
