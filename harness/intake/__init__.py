"""Mail and patch files to a Series."""

from harness.intake.archive import fetch_series, fetch_thread
from harness.intake.diff_paths import check_diff_paths
from harness.intake.diff_text import MalformedDiff
from harness.intake.list_address import ListAddress, list_address
from harness.intake.sources import read_series, source_files
from harness.intake.touched_functions import patch_functions

__all__ = [
    "ListAddress",
    "MalformedDiff",
    "check_diff_paths",
    "fetch_series",
    "fetch_thread",
    "list_address",
    "patch_functions",
    "read_series",
    "source_files",
]
