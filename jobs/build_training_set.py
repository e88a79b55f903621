"""Build a training set on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade build` with the task's parameters."""
    cli.main("build")


if __name__ == "__main__":
    main()
