"""How much one repair may search: a text can be made so that everything in it fits everywhere."""

from __future__ import annotations

from harness.model.errors import UserError

MAX_EFFORT = 8_000_000  # about as many comparisons of two lines: ten seconds; a patch of 20 hunks takes 300,000
READING = 40  # one more hypothesis costs as much as so many comparisons


class Effort:
    """What is left of it."""

    def __init__(self) -> None:
        self.left = MAX_EFFORT

    def spend(self, comparisons: int, line: int) -> None:
        """Takes them off. Raises UserError, naming the ``line`` of the hunk in hand, where so many are not left."""
        self.left -= comparisons
        if self.left < 0:
            raise UserError(
                f"the search ends at the hunk of line {line}: more readings of this text than can be looked at",
                remedy="repair its files or hunks one by one",
            )
