"""Errors of training and of making weights."""

from __future__ import annotations


class TrainingError(Exception):
    """Training cannot go on; the message says what to do."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])


class TrainingExtraMissing(TrainingError):
    """PyTorch and Ultralytics are missing: run `pip install skybeat[train]`."""


class SourceRefused(TrainingError):
    """A training source is missing or malformed: check the folder and its labels."""


class ExportRefused(TrainingError):
    """The exported model is not what the detector expects: train and export again."""
