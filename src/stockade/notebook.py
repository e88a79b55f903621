"""What a notebook asks and shows: Databricks' widgets and display, or a laptop's."""

import base64
import builtins
import os
from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from io import BytesIO
from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 100
# A longer text is a sentence.
_SENTENCE = 30


class Picture:
    """A plot as PNG, which Jupyter draws."""

    def __init__(self, png: bytes) -> None:
        """Hold the bytes."""
        self._png = png

    def __repr__(self) -> str:
        """Say what it is, where nothing can be drawn."""
        return f"<a plot, {len(self._png):,} bytes>"

    def _repr_png_(self) -> bytes:
        return self._png


class Page:
    """A notebook's widgets and outputs, the same on Databricks, in Jupyter and as a script."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        """Look for what the platform gives.

        Args:
            names: the notebook's `globals()`, where Databricks puts `dbutils` and `display`.
        """
        self._dbutils = names.get("dbutils")
        self._html: Callable[[str], None] | None = names.get("displayHTML")
        # IPython's stands among the builtins; a script has none.
        self._display: Callable[[Any], object] | None = names.get(
            "display", getattr(builtins, "display", None)
        )

    def widget(self, name: str, default: str) -> str:
        """A value that the reader may change.

        On Databricks a text field above the notebook; elsewhere the environment's
        `STOCKADE_<NAME>`, if it is set.
        """
        if self._dbutils is None:
            return os.environ.get(f"STOCKADE_{name.upper()}", default)
        self._dbutils.widgets.text(name, default)
        return str(self._dbutils.widgets.get(name))

    def show(self, what: object) -> None:
        """Show a table, a plot, or anything else.

        Text is printed. Elsewhere than on Databricks, which lays tables out itself, of Spark's
        tables the first hundred rows are shown, numbers have four decimals, and moments (UTC)
        no zone.
        """
        if isinstance(what, str):
            print(what)
            return
        if self._dbutils is None and hasattr(what, "toArrow"):
            what = what.limit(SHOWN).toArrow().to_pandas()  # type: ignore[attr-defined]
        if self._display is not None:
            self._display(what if self._dbutils is not None else _laid_out(what))
        else:
            print(what)

    def plot(self, figure: "Figure") -> None:
        """Show a plot."""
        png = BytesIO()
        figure.savefig(png, format="png", dpi=110, bbox_inches="tight")
        if self._html is not None:
            text = base64.b64encode(png.getvalue()).decode()
            self._html(f'<img src="data:image/png;base64,{text}">')
        else:
            self.show(Picture(png.getvalue()))


def _laid_out(what: object) -> object:
    """A table of pandas with its text at the left, and rows numbered only where that says more.

    On a narrow page days and moments stay on one line, and sentences keep some room. A table whose
    rows or columns share a name, which pandas cannot style, stays as it is.
    """
    import pandas as pd

    if not isinstance(what, pd.DataFrame) or not (what.index.is_unique and what.columns.is_unique):
        return what
    left, whole, roomy = ["th.row_heading"], list[str](), list[str]()
    moments: list[Hashable] = []
    for number, name in enumerate(what.columns):
        cell, values = f"td.col{number}", list(what[name].dropna())
        if not all(isinstance(one, Number) for one in values):
            left += [cell, f"th.col{number}"]
        if values and all(isinstance(one, date) for one in values):
            whole.append(cell)
        if values and all(isinstance(one, datetime) for one in values):
            moments.append(name)
        if any(isinstance(one, str) and len(one) > _SENTENCE for one in values):
            roomy.append(cell)
    styled = what.style.format(precision=4, na_rep="", escape="html")
    styled = styled.format(_moment, subset=moments, na_rep="")
    for axis in ("index", "columns"):
        styled = styled.format_index(escape="html", axis=axis)
    rules = (
        (left, ("text-align", "left")),
        (whole, ("white-space", "nowrap")),
        (roomy, ("min-width", "16em")),
    )
    styled = styled.set_table_styles(
        [{"selector": ", ".join(cells), "props": [rule]} for cells, rule in rules if cells]
    )
    return styled.hide(axis="index") if isinstance(what.index, pd.RangeIndex) else styled


def _moment(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")
