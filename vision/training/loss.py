"""The YOLO loss, with places and classes that do not count left out."""

from __future__ import annotations

from typing import Any

from vision.training.model import training_extra


def partial_loss(model: Any) -> Any:
    """The detection loss of Ultralytics that leaves out what a batch marks as not counted.

    Call the result with the network's raw answer and a batch as Ultralytics has it plus ``counted``,
    (B, A, C) bool: False where a class is neither object nor background. Assigned objects always count.
    """
    with training_extra():
        import torch
        from ultralytics.utils.loss import v8DetectionLoss

    class PartialEntropy(torch.nn.Module):  # type: ignore[misc]
        counted: Any = None

        def forward(self, scores: Any, targets: Any) -> Any:
            entropy = torch.nn.functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
            return entropy if self.counted is None else entropy * (self.counted | (targets > 0))

    loss = v8DetectionLoss(model)
    loss.bce = PartialEntropy()

    def apply(answer: Any, batch: dict[str, Any]) -> Any:
        loss.bce.counted = batch["counted"]
        return loss(answer, batch)

    return apply
