"""Mail and patch files to a Series."""

from harness.intake.archive import fetch_series
from harness.intake.diff_paths import check_diff_paths
from harness.intake.sources import read_series
from harness.intake.touched_functions import patch_functions

__all__ = ["check_diff_paths", "fetch_series", "patch_functions", "read_series"]
