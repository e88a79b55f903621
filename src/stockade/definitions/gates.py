"""What a new version must show before it may take the champion's place."""

from dataclasses import dataclass

from stockade.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The bounds that a challenger is held to, on its test period.

    Attributes:
        margin: by how much the challenger's metric may lie below the champion's, at the low end
            of the 90 % interval of their difference. At 0 it must be better with confidence; a
            version that merely brings a model up to date needs a little.
        bias: by what share expected positives may miss the observed ones, beyond what chance
            allows (90 %): of ten observed ones, half may be chance.
        slice_bias: the same in each slice.
        slice_drop: by how much a slice's ROC AUC may lie below the champion's there.
        missing_rise: by what share of rows an input may be missing more often than in training.
        microseconds: the longest that one row may take to score.
    """

    margin: float = 0.0
    bias: float = 0.25
    slice_bias: float = 0.5
    slice_drop: float = 0.05
    missing_rise: float = 0.5
    microseconds: float = 2_000.0

    def __post_init__(self) -> None:
        """Check that every bound is a number that bounds."""
        for name in ("margin", "bias", "slice_bias", "slice_drop", "missing_rise", "microseconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise DefinitionError(f"gates: {name} must be zero or more, and finite")
