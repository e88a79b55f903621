"""Watch data, features, scores and performance on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade monitor` with the task's parameters."""
    cli.main("monitor")


if __name__ == "__main__":
    main()
