"""The kinds of report by family; harness.findings.splats puts them together."""
