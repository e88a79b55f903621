"""Let the gates decide on a challenger on a schedule."""

from stockade import cli


def main() -> None:
    """Run `stockade promote` with the task's parameters."""
    cli.main("promote")


if __name__ == "__main__":
    main()
