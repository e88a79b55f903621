"""Search, fit and register a model on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade train` with the task's parameters."""
    cli.main("train")


if __name__ == "__main__":
    main()
