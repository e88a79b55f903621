"""Tell the catalog what tables are, on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade annotate` with the task's parameters."""
    cli.main("annotate")


if __name__ == "__main__":
    main()
