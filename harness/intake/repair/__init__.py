"""Repair of diffs that a web archive damaged."""

from harness.intake.repair.grades import Grade, Repair, RepairedFile, RepairedHunk, RepairedLine
from harness.intake.repair.repair import THRESHOLD, concluded, new_content, repair_diff

__all__ = [
    "THRESHOLD",
    "Grade",
    "Repair",
    "RepairedFile",
    "RepairedHunk",
    "RepairedLine",
    "concluded",
    "new_content",
    "repair_diff",
]
