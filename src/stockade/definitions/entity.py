"""The things that are judged."""

from dataclasses import dataclass, field

from stockade.definitions.names import DOC, check_column, check_name, tuple_of
from stockade.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A thing that is judged, such as an account or a card terminal.

    Attributes:
        name: the entity's name.
        keys: the columns that identify one of them, in order; one name or several.
        description: one sentence for people.
    """

    name: str
    keys: tuple[str, ...] | str
    description: str = field(default="", metadata=DOC)

    def __post_init__(self) -> None:
        """Check the names."""
        check_name(self.name, what="entity")
        object.__setattr__(self, "keys", tuple_of(self.keys))
        if not self.keys:
            raise DefinitionError(f"entity '{self.name}' has no keys: name at least one column")
        for key in self.keys:
            check_column(key, who=f"entity '{self.name}'")
        if len(set(self.keys)) < len(self.keys):
            raise DefinitionError(f"entity '{self.name}' names a key twice: {list(self.keys)}")
