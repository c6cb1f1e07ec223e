"""Runs made by hand: an awkward one with everything that can go wrong in it, and a large one with many repeats."""

from __future__ import annotations

from dataclasses import replace

from harness.model.build_message import NOT_KNOWN, BroughtMessage, BuildChange, BuildMessage, MessageKind
from harness.model.cell import CellResult, Outcome, Proof
from harness.model.finding import Finding, FrameTouch, Severity, SourceFrame
from harness.model.tree import Applied, PatchState
from harness.model.verdict import Rate, TitleVerdict, Verdict
from harness.results.store import CellRow, KernelRow, RunRow, TreeRow
from harness.results.summary import KernelSummary, RunSummary, TreeSummary

SCRIPT = "<script>alert('x')</script>"
ESCAPE = "\x1b[31mred\x1b[0m\x1b]0;title\x07"
OVERRIDE = "abc\u202edef\u200b"
HOSTILE = f"{SCRIPT} & \"quoted\" 'single' {ESCAPE} {OVERRIDE} \udcff\x00"
LONG_WORD = "x" * 5000

WARNING = Finding(
    kind="WARNING",
    title="WARNING: suspicious RCU usage in folio_try_get",
    function="folio_try_get",
    severity=Severity.ERROR,
    first_line=412,
    last_line=418,
    lines=(
        "=============================",
        "WARNING: suspicious RCU usage",
        "6.1.0 #1 Not tainted",
        "-----------------------------",
        "include/linux/page_ref.h:281 page reference taken outside of an RCU read-side section!",
        "other info that might help us debug this:",
        "rcu_scheduler_active = 2, debug_locks = 1",
    ),
    frames=("dump_stack_lvl", "lockdep_rcu_suspicious", "folio_try_get"),
)
WARNING_SOURCE = (
    SourceFrame("folio_ref_try_add", "include/linux/page_ref.h", 281, True),
    SourceFrame("folio_try_get", "include/linux/page_ref.h", 301),
    SourceFrame("filemap_get_entry", "mm/filemap.c", 1840),
    SourceFrame("stale_entry", "mm/filemap.c", 99, trusted=False),
    SourceFrame("entry_SYSCALL_64_after_hwframe", "", 0),
)
WARNING = replace(WARNING, source=WARNING_SOURCE)
TOUCHED = {0: FrameTouch((2,), True), 2: FrameTouch((1, 2), False)}
"""What the series touched of WARNING_SOURCE."""
OOPS = Finding(
    kind="BUG",
    title="BUG: unable to handle page fault in split_huge_page_to_list",
    function="split_huge_page_to_list",
    severity=Severity.FATAL,
    first_line=700,
    last_line=733,
    lines=tuple(f"line {number} of the oops" for number in range(34)),
)
HOSTILE_FINDING = Finding(
    kind="BUG",
    title=f"BUG: {HOSTILE}",
    function=SCRIPT,
    severity=Severity.WARNING,
    first_line=3,
    last_line=9000,
    lines=(HOSTILE, LONG_WORD, "</pre></details>", "\x1b[2J\x1b[H"),
    corrupted=True,
    source=(SourceFrame(HOSTILE, f"mm/{HOSTILE}.c", 7, True), SourceFrame(LONG_WORD, LONG_WORD, 8, trusted=False)),
)
OOM = Finding("OOM", "Out of memory: Killed process", None, Severity.NOTICE, 900, 901, ("Out of memory", "Killed"))

SUBJECTS = (
    "mm: say what a page reference needs of its caller",
    "mm: assert that references are taken under RCU",
    "mm/migrate: take page references under rcu_read_lock",
    "mm/memcg: hold RCU over the charge of a moving page",
    "mm/swap: look pages up under RCU in swapoff",
    "mm/huge_memory: remember the grace period of the allocation",
    "mm/huge_memory: wait for that grace period before the split",
    "mm: make get_page_unless_zero() check its context",
    "mm: document stabilized page counts",
)
STRESSORS = ("huge-page-split", "memcg-charge", "page-migration", "swapoff")
PROOF = Proof((("pgmigrate_success", 812), ("thp_split_page", 0)), True, (), "pgmigrate_success +812")


def key_of(*parts: object) -> str:
    """A cell key as long as a real one."""
    import hashlib

    return hashlib.sha256(repr(parts).encode()).hexdigest()


def result(key: str, outcome: Outcome, reason: str = "", findings: tuple[Finding, ...] = ()) -> CellResult:
    """A finished cell."""
    return CellResult(
        key=key,
        outcome=outcome,
        reason=reason,
        findings=findings,
        proof=PROOF,
        seconds=31.4,
        user_space=6.25,
        console="console",
        report="report",
        command_line="qemu-system-x86_64 -accel tcg,thread=multi -machine pc -cpu max -smp 4 -m 1024M "
        "-object memory-backend-ram,size=512M,id=m0 -numa node,memdev=m0,cpus=0-1 "
        f"-append 'console=ttyS0 {SCRIPT if findings == (HOSTILE_FINDING,) else 'stressor=migrate'}' -nographic",
    )


def cell(
    patches: int,
    stressor: str,
    outcome: Outcome,
    findings: tuple[Finding, ...] = (),
    reason: str = "",
    repeat: int = 0,
    own: dict[int, tuple[int, str]] | None = None,
    tree: str = "linux-6.1",
    reused: bool = False,
) -> CellRow:
    """A cell of a run; outcomes that no boot stands behind have no result."""
    key = key_of(tree, patches, stressor, repeat)
    bare = outcome in (Outcome.HARNESS_FAILURE, Outcome.BLOCKED, Outcome.BUILD_FAILED)
    done = None if bare else result(key, outcome, reason, findings)
    touched = {place: TOUCHED for place, finding in enumerate(findings) if finding is WARNING and patches}
    return CellRow(tree, patches, stressor, 1 + repeat, repeat, key, outcome, reason, reused, own or {}, done, touched)


def kernel(patches: int, state: str = "built", reason: str = "", tree: str = "linux-6.1") -> KernelRow:
    """A kernel of a run."""
    return KernelRow(
        tree=tree,
        patches=patches,
        subject=SUBJECTS[(patches - 1) % 9] if patches else "",
        key=key_of("kernel", patches),
        digest="" if state == "failed" else key_of("digest", patches),
        state=state,
        reason=reason,
        seconds=0.0 if state == "failed" else 243.7 if patches == 0 else 38.2,
        incremental=patches > 0 and state != "failed",
        image="sha256:" + key_of("image"),
        command=f"docker run --rm --network none --user 1000:1000 --cpus 2 harness make -j2 bzImage # {patches}",
    )


RUN = RunRow(
    id="20261121-081203-rcu-page-counts-4f1a",
    series="rcu-page-counts",
    title="Use RCU to stabilize page counts",
    plan="p" * 64,
    arguments={"series": "rcu-page-counts", "patches": "each", "repeat": 5, "trees": [], "again": False},
    started=1795248723.0,
    finished=1795252323.0,
    exit_code=1,
    conclusion="",
    machine={"harness": "0.1.0", "host kernel": "6.1.0-28-amd64", "qemu": "7.2.13", "python": "3.11.2"},
)


STATES = (
    PatchState("linux-6.1", 1, "first", Applied.CLEAN),
    PatchState("linux-6.1", 2, "second", Applied.CLEAN),
    PatchState("linux-6.1", 3, HOSTILE, Applied.OFFSET, "1 of 2 hunks, by up to 3 lines"),
    PatchState("linux-6.1", 4, HOSTILE, Applied.CONFLICT, f"hunks at mm/x.c:2 {HOSTILE}"),
    PatchState("linux-6.1", 5, "fifth", None),
    PatchState("linux-6.1", 6, "sixth", None),
)


def awkward_run() -> RunSummary:
    """Hostile text everywhere, a failed build, an unavailable tree, every outcome, no end."""
    own = {0: (2, f"include/linux/page_ref.h:281{SCRIPT}")}
    cells: list[tuple[CellRow, ...]] = [
        (
            cell(0, "huge-page-split", Outcome.PASS),
            cell(0, "memcg-charge", Outcome.DID_NOT_EXERCISE, reason="memory.failcnt +0: less than 5"),
            cell(0, "page-migration", Outcome.PASS, (OOM,)),
            cell(0, "swapoff", Outcome.NOT_IN_THIS_KERNEL, reason=HOSTILE),
        ),
        (),
        (
            cell(2, "huge-page-split", Outcome.HUNG, reason="hung in user space: silent for 75 s"),
            cell(2, "memcg-charge", Outcome.HARNESS_FAILURE, reason=f"QEMU exited with 1: {HOSTILE}"),
            cell(2, "page-migration", Outcome.FINDING, (WARNING, OOPS), reason="2 findings", own=own),
            cell(2, "page-migration", Outcome.PASS, repeat=1),
            cell(2, SCRIPT, Outcome.FINDING, (HOSTILE_FINDING,), reason=HOSTILE),
            cell(2, "swapoff", Outcome.BLOCKED, reason="needs CONFIG_SWAP"),
            cell(2, "zero", Outcome.TIMED_OUT, reason="wall limit of 260 s"),
            cell(2, "zone", Outcome.BUILD_FAILED, reason="no kernel"),
        ),
    ]
    verdicts = (
        TitleVerdict(WARNING.title, Verdict.WORSE, Rate(0, 2, 0, 0.66), Rate(1, 3, 0.06, 0.79), 0.0, "own line"),
        TitleVerdict(HOSTILE, Verdict.UNDECIDED, Rate(0, 0, 0.0, 1.0), Rate(1, 1, 0.21, 1.0), 1.0, HOSTILE),
        TitleVerdict("outcome: better", Verdict.BETTER, Rate(3, 3, 0.44, 1), Rate(0, 3, 0, 0.56), 0.05, "fewer"),
        TitleVerdict(OOM.title, Verdict.SAME, Rate(1, 1, 0.2, 1), Rate(1, 1, 0.2, 1), 1.0, "the same share"),
    )
    rows = (
        kernel(0),
        kernel(1, "failed", f"mm/huge_memory.c:12: error: {HOSTILE}"),
        replace(kernel(2), subject=HOSTILE),
    )
    loud = BuildMessage(MessageKind.WARNING, f"mm/{SCRIPT}.c", 7, HOSTILE, "-Wunused", f"f{ESCAPE}", 3, "mm/x.o")
    change = BuildChange(True, (BroughtMessage(loud, 1, 2, (2,)), BroughtMessage(replace(loud, file=""), 1, 2, ())))
    kernels = (
        KernelSummary(rows[0], cells[0], (), ()),
        KernelSummary(rows[1], cells[1], (), None, NOT_KNOWN, (replace(loud, kind=MessageKind.ERROR),) * 7),
        KernelSummary(rows[2], cells[2], verdicts, (loud,), change),
    )
    trees = (
        TreeSummary(
            TreeRow("linux-6.1", True, HOSTILE, "a" * 40, "linux-source-6.1 6.1.148-1", "pinned"), kernels, STATES
        ),
        TreeSummary(TreeRow("v3.0", False, f"no git URL or directory is configured {HOSTILE}"), ()),
        TreeSummary(TreeRow("v3.1", True, "", "b" * 40, "git", "accepted without a pin"), ()),
    )
    run = replace(RUN, title=f"{RUN.title} {HOSTILE}", finished=None, machine=RUN.machine | {"evil": HOSTILE})
    return RunSummary(run, trees, 1, f"worse than the baseline: linux-6.1 + 2: {HOSTILE}")


def large_run() -> RunSummary:
    """Nine patches, four stressors, five repeats; the second patch brings a warning, the seventh an oops at times."""
    kernels = []
    for patches in range(10):
        cells = []
        for place, stressor in enumerate(STRESSORS):
            for repeat in range(5):
                found: tuple[Finding, ...] = ()
                own: dict[int, tuple[int, str]] = {}
                if patches >= 2 and stressor == "page-migration":
                    found, own = (WARNING,), {0: (2, "include/linux/page_ref.h:281")}
                if patches >= 7 and stressor == "huge-page-split" and repeat % 2:
                    found = (OOPS,)
                outcome = Outcome.FINDING if found else Outcome.PASS
                if stressor == "swapoff" and repeat == 4:
                    outcome = Outcome.DID_NOT_EXERCISE
                reason = "pswpin +0: less than 1000 (pages have to come back)" if outcome not in _PLAIN else ""
                cells.append(
                    cell(patches, stressor, outcome, found, reason, repeat, own, reused=patches == 0 and place == 0)
                )
        verdicts: tuple[TitleVerdict, ...] = ()
        if patches >= 2:
            verdicts = (
                TitleVerdict(
                    WARNING.title,
                    Verdict.WORSE,
                    Rate(0, 19, 0.0, 0.168),
                    Rate(5, 19, 0.118, 0.488),
                    0.0,
                    "printed by include/linux/page_ref.h:281, a line that patch 2 adds: the baseline cannot say it; "
                    "0 of 19 on the baseline, 5 of 19 patched",
                ),
            )
        if patches >= 7:
            verdicts += (
                TitleVerdict(
                    OOPS.title,
                    Verdict.UNDECIDED,
                    Rate(0, 19, 0.0, 0.168),
                    Rate(2, 19, 0.029, 0.314),
                    0.24,
                    "0 of 19 on the baseline, 2 of 19 patched: p = 0.24; about 23 more runs of each kernel would "
                    "decide it",
                    23,
                ),
            )
        kernels.append(KernelSummary(kernel(patches), tuple(cells), verdicts))
    trees = (
        TreeSummary(
            TreeRow("linux-6.1", True, "port of the series", "a" * 40, "Debian linux-source-6.1 6.1.148-1", "pinned"),
            tuple(kernels),
        ),
        TreeSummary(TreeRow("v3.0", False, "no git URL or directory is configured for it"), ()),
    )
    return RunSummary(RUN, trees, 1, f"worse than the baseline: linux-6.1 + 2: {WARNING.title}; and 7 more")


_PLAIN = (Outcome.PASS, Outcome.FINDING)


def excerpt(key: str, artefact: str, first: int, last: int) -> list[str]:
    """Console lines of any cell."""
    lines = dict(enumerate(WARNING.lines, WARNING.first_line))
    return [
        f"[   12.{number:06d}] {lines.get(number, f'console line {number}: ext4 page_migration node 0 to node 1')}"
        for number in range(first, last + 1)
    ]


def hostile_excerpt(key: str, artefact: str, first: int, last: int) -> list[str]:
    """Console lines that would like to be something else."""
    return [f"{number} {HOSTILE}{LONG_WORD}\r\n</pre>" for number in range(first, last + 1)]


def source(cell: CellRow, file: str, line: int) -> str:
    """A line of a made-up source, hostile as any."""
    return f"\tfound = {HOSTILE}({cell.patches}, {line}); /* {file[:40]} */"
