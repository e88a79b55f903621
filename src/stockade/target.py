"""Where things live: one value for a laptop's folder or a catalog on Databricks."""

import os
from dataclasses import dataclass
from pathlib import Path

from stockade.definitions.names import check_name
from stockade.errors import DefinitionError

VARIABLE = "STOCKADE_TARGET"
DEFAULT_FOLDER = Path(".stockade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where tables, runs and models are kept: a folder, or a catalog and schema.

    Attributes:
        folder: of a local target; holds `warehouse/`, `mlflow.db` and `artifacts/`.
        schema: `catalog.schema` of a Databricks target.
        all_models: one MLflow experiment for every model; without it each has its own.
    """

    folder: Path | None = None
    schema: str | None = None
    all_models: str | None = None

    def __post_init__(self) -> None:
        """Check that there is one place, not two."""
        if (self.folder is None) == (self.schema is None):
            raise DefinitionError("a target is a folder or a catalog.schema: give one of them")
        for part in (self.schema or "").split(".") if self.schema else ():
            check_name(part, what="catalog or schema")
        if self.schema and self.schema.count(".") != 1:
            raise DefinitionError(f"target '{self.schema}' must read catalog.schema")
        if self.folder is not None:
            object.__setattr__(self, "folder", Path(self.folder).expanduser().resolve())

    @classmethod
    def local(cls, folder: Path | str = DEFAULT_FOLDER) -> "Target":
        """A folder on this machine."""
        return cls(folder=Path(folder))

    @classmethod
    def catalog(cls, schema: str) -> "Target":
        """A schema of Unity Catalog, as `catalog.schema`."""
        return cls(schema=schema)

    @classmethod
    def parse(cls, text: str) -> "Target":
        """What a person typed: `catalog.schema`, or anything else as a folder."""
        parts = text.split(".")
        if len(parts) == 2 and all(part.isidentifier() for part in parts):
            return cls.catalog(text)
        return cls.local(text)

    @classmethod
    def from_environment(cls) -> "Target":
        """`STOCKADE_TARGET`, or else the folder `.stockade` here."""
        text = os.environ.get(VARIABLE)
        return cls.parse(text) if text else cls.local()

    @property
    def warehouse(self) -> Path:
        """The folder of a local target's tables."""
        if self.folder is None:
            raise DefinitionError(f"target '{self.schema}' has no folder: its tables are by name")
        return self.folder / "warehouse"

    def path(self, table: str) -> Path:
        """The folder of a local target's table, always below the warehouse.

        Raises:
            DefinitionError: the name is not plain, or a link leads out of the warehouse.
        """
        check_name(table, what="table")
        path = self.warehouse / table
        if not path.resolve().is_relative_to(self.warehouse.resolve()):
            raise DefinitionError(
                f"table '{table}' is a link out of {self.warehouse}: put the table itself there"
            )
        return path

    def place(self, table: str) -> str:
        """Where a table is: its folder, or its name as `catalog.schema.table`."""
        if self.folder is not None:
            return str(self.path(table))
        check_name(table, what="table")
        return f"{self.schema}.{table}"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs."""
        return "databricks" if self.folder is None else f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def registry_uri(self) -> str:
        """Where MLflow keeps registered models."""
        return "databricks-uc" if self.folder is None else self.tracking_uri

    def experiment(self, model: str) -> str:
        """The MLflow experiment of a model."""
        check_name(model, what="model")
        return self.all_models or f"/trust_safety/{model}"

    def registered_model(self, model: str) -> str:
        """The model's name in the registry."""
        check_name(model, what="model")
        return model if self.schema is None else f"{self.schema}.{model}"
