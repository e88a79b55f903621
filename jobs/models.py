"""List the models that a schedule trains, scores or watches."""

from stockade import cli


def main() -> None:
    """Run `stockade models` with the task's parameters."""
    cli.main("models")


if __name__ == "__main__":
    main()
