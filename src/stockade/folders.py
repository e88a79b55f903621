"""Folders that hold what was written there last, and nothing else."""

from collections.abc import Mapping
from pathlib import Path

from stockade.errors import DataError


def write_folder(
    folder: Path, files: Mapping[str, str], *, mark: str, replaced: str, what: str
) -> None:
    """Write files; those of an earlier time that are no longer among them are removed.

    Args:
        folder: made where it is missing.
        files: path below the folder -> text.
        mark: the file by which such a folder is known.
        replaced: a glob of the files that may be removed.
        what: the folder holds, in words.

    Raises:
        DataError: the folder holds something else; nothing is written.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / mark).exists():
        raise DataError(f"folder '{folder}' holds something else than {what}: name another one")
    for old in folder.glob(replaced):
        if str(old.relative_to(folder)) not in files:
            old.unlink()
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
