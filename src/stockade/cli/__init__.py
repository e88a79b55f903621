"""The command `stockade`: from definitions and files to scored and judged decisions."""

from stockade.cli import (
    catalog,
    data,
    deploy,
    explain,
    export,
    models,
    release,
    unity,
    watching,
    workspace,
)
from stockade.cli.frame import main

# Importing a module of commands puts them into the command.
__all__ = [
    "catalog",
    "data",
    "deploy",
    "explain",
    "export",
    "main",
    "models",
    "release",
    "unity",
    "watching",
    "workspace",
]
