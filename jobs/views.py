"""List the views that a schedule materialises."""

from stockade import cli


def main() -> None:
    """Run `stockade views` with the task's parameters."""
    cli.main("views")


if __name__ == "__main__":
    main()
