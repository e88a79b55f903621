"""Short ways to write what is computed of other features."""

from stockade import Derived


def ratio(name: str, over: str, under: str, description: str, *, owner: str) -> Derived:
    """`over / under` as a double; null where `under` is zero or unknown."""
    return Derived(
        name=name,
        expression=f"try_divide(CAST({over} AS DOUBLE), CAST({under} AS DOUBLE))",
        owner=owner,
        description=description,
    )


def hours_since(name: str, seconds: str, description: str, *, owner: str) -> Derived:
    """Seconds as hours."""
    return Derived(
        name=name, expression=f"{seconds} / 3600.0D", owner=owner, description=description
    )


def days_since(name: str, seconds: str, description: str, *, owner: str) -> Derived:
    """Seconds as days."""
    return Derived(
        name=name, expression=f"{seconds} / 86400.0D", owner=owner, description=description
    )
