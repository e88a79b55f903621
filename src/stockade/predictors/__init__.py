"""Fitted models as numbers: how they predict, and their files."""

from stockade.predictors.boosters import BoosterMean
from stockade.predictors.kinds import Blend, Trees, cached_predictor, predictor_from_files
from stockade.predictors.light import LightTrees
from stockade.predictors.model import Files, Matrix, Predictor, Scores, UnsafeModelError
from stockade.predictors.scorecard import Scale, Scorecard

__all__ = [
    "Blend",
    "BoosterMean",
    "Files",
    "LightTrees",
    "Matrix",
    "Predictor",
    "Scale",
    "Scorecard",
    "Scores",
    "Trees",
    "UnsafeModelError",
    "cached_predictor",
    "predictor_from_files",
]
