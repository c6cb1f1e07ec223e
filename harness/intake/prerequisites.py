"""What a series says it needs: base-commit and prerequisite lines, sentences naming a tree, trees in diff headers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

HEADERS_NAME = "headers name "  # how such a prerequisite begins
MAX_SAID = 16  # of one series
MAX_SENTENCE = 200  # characters kept of one

# git format-patch --base and b4 write these
_TRAILER = re.compile(
    r"(base-commit|base-tree|prerequisite-(?:patch-id|change-id|message-id)):\s*(\S.{0,200}?)\s*$", re.IGNORECASE
)
_TREE = r"""(?:
    (?:linux[- ]?)?v?[2-9]\.\d+(?:\.\d+)?[\w.+-]*          # 2.6.22-rc2-mm1
    | [\w.+-]{0,60}-(?:mm|rc|bk|ac|git|next|tip)\d*\b      # linux-next, -mm
    | bk\d*\b | mm(?:otm|tom)[\w.+-]* | mainline | linus\b
    | (?:current|latest|your|today's)\s[\w-]+
    | [\w/.+'-]{1,60}\s(?:tree|branch|series|patch(?:es|set)?)\b
)"""
_SAID = re.compile(
    rf"""\b(?:
        depend(?:s|ent|ing)?\s+(?:up)?on\s+
        | on\s+top\s+of\s+
        | appl(?:y|ies|icable)\s+(?:cleanly\s+)?(?:to|on|against)\s+
        | (?:based|rebased|diffed|generated|made)\s+(?:on|against|from|off)\s+
        | requires?\s+
        | against\s+
    )(?:top\s+of\s+)?(?:the\s+)?{_TREE}""",
    re.IGNORECASE | re.VERBOSE,
)
_VERSION_IN_PATH = re.compile(r"\d+\.\d+|(?:-|^)(?:mm(?:otm|tom)?|next|tip|ac|bk|rc)\d*(?:\b|[-.+])", re.IGNORECASE)
_OLD = re.compile(r"--- ([^\s/]{1,120})/\S")
_NAMED = re.compile(r"(?:\+\+\+ |Index: |diff (?:-\S+ )+)([^\s/]{1,120})/\S")


def _sentences(text: str) -> Iterator[str]:
    """Sentences of unquoted prose; a wrapped one is one."""
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line.strip() for line in paragraph.split("\n") if not line.lstrip().startswith((">", "|"))]
        yield from re.split(r"(?<=[.!?:])\s+(?=[A-Z(\"'])", " ".join(lines)[: 64 * 1024])


def said_prerequisites(text: str) -> Iterator[str]:
    """Lines such as "base-commit: ID" and sentences that name what the series is on top of, as they stand."""
    for line in text.split("\n"):
        if match := _TRAILER.match(line.strip()[:400]):
            yield f"{match[1].lower()}: {match[2]}"
    for sentence in _sentences(text):
        if found := _SAID.search(sentence):
            begin = max(0, min(found.start() - 40, len(sentence) - MAX_SENTENCE)) if len(sentence) > MAX_SENTENCE else 0
            shown = sentence[begin : begin + MAX_SENTENCE].strip()
            yield f'said: "{shown}{"..." if begin + MAX_SENTENCE < len(sentence) else ""}"'


def header_trees(lines: Sequence[str]) -> tuple[str, ...]:
    """First folders of a diff's old paths that name a version ("linux-2.6.22-rc2-mm1.orig"); of other header lines
    where no "---" line names one."""
    for pattern, marks in ((_OLD, "-"), (_NAMED, "+Id")):
        found = dict.fromkeys(
            match[1] for line in lines if line[:1] in marks and line and (match := pattern.match(line)) is not None
        )
        named = tuple(folder for folder in found if folder not in ("a", "b") and _VERSION_IN_PATH.search(folder))
        if named:
            return named
    return ()


def prerequisites(texts: Sequence[str], diffs: Sequence[str]) -> tuple[str, ...]:
    """What a series names as its base or as needed before it: from its cover and messages, then from its diffs."""
    found: dict[str, None] = {}
    for text in texts:
        for said in said_prerequisites(text):
            found[said] = None
    said_only = list(found)[:MAX_SAID]
    trees: dict[str, None] = {}
    for diff in diffs:
        trees.update((tree, None) for tree in header_trees(diff.split("\n")))
    return (*said_only, *(f"{HEADERS_NAME}{tree}/" for tree in list(trees)[:MAX_SAID]))
