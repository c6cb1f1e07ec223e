"""Files of known reports and of policy: what is read, and what is refused with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.config.catalogue import Catalogue
from harness.config.layout import find_layout
from harness.config.noise_file import load_noise
from harness.config.policy_file import load_policy
from harness.config.series_file import load_series_spec, series_yaml
from harness.config.user_settings import load_settings
from harness.findings.parser import parse_console
from harness.model.errors import UserError
from harness.model.finding import Effect, Severity
from harness.model.noise import NoiseList
from harness.model.policy import PolicyRule
from harness.model.version import KernelVersion
from harness.runs.interpretation import Interpretation, checked_policy, known_kinds
from harness.verdicts.cell_rules import Circumstances, judged

DATES = "added: 2026-01-01, expires: 2027-01-01, reason: why"


def noise(folder: Path, text: str) -> Path:
    """A file of known reports."""
    path = folder / "noise.yaml"
    path.write_text(text)
    return path


def test_what_is_read(tmp_path: Path) -> None:
    path = noise(
        tmp_path,
        "# known\n"
        f"denylist:\n  - {{name: a, title: 'WARNING in *', accelerator: tcg, {DATES}}}\n"
        f"allowlist:\n  - {{name: b, kind: bug, since: '2.6', until: '3.0', stressors: [memcg], {DATES}}}\n",
    )
    first, second = load_noise([path])
    assert (first.name, first.list, first.title, first.where) == ("a", NoiseList.DENY, "WARNING in *", f"{path}:3")
    assert (second.list, second.stressors, second.where) == (NoiseList.ALLOW, ("memcg",), f"{path}:5")
    assert KernelVersion.parse("2.6.27") in second.versions
    assert second.expires == date(2027, 1, 1)
    assert load_noise([noise(tmp_path, "denylist: []\n")]) == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{name: a, title: x, added: 2026-01-01, reason: r}", "2: key denylist.0.expires is missing"),
        ("{name: a, title: x, added: 2026-01-01, expires: 2027-01-01}", "2: key denylist.0.reason is missing"),
        (f"{{name: a, title: x, {DATES}, reasn: 1}}", "2: unknown key denylist.0.reasn"),
        (f"{{name: A, title: x, {DATES}}}", "a name is small letters"),
        (f"{{name: a, {DATES}}}", "which report?"),
        (f"{{name: a, title: '*', {DATES}}}", "a pattern of stars alone means every report"),
        (f"{{name: a, title: 'a*b*c*d*e*f*g*h*i*j', {DATES}}}", "more than 8 stars"),
        (f"{{name: a, title: {'x' * 201}, {DATES}}}", "at most 200 characters"),
        ("{name: a, title: x, added: 2026-01-02, expires: 2026-01-01, reason: r}", "is before added"),
        ("{name: a, title: x, added: 2026-01-01, expires: 2099-01-01, reason: r}", "more than 731 days"),
        ("{name: a, title: x, added: 2026-01-01, expires: never, reason: r}", "a day is written as"),
        (f"{{name: a, title: x, since: 3.10, {DATES}}}", "a version is written as text"),
        (f"{{name: a, title: x, since: '3.1', until: '3.0', {DATES}}}", "until 3.0 is not after since 3.1"),
        (f"{{name: a, title: x, accelerator: xen, {DATES}}}", "'kvm' or 'tcg'"),
    ],
)
def test_what_is_refused(tmp_path: Path, line: str, told: str) -> None:
    path = noise(tmp_path, f"denylist:\n  - {line}\n")
    with pytest.raises(UserError) as error:
        load_noise([path])
    assert told in str(error.value)
    assert str(error.value).startswith(f"{path}:2: ")


def test_the_allowlist_is_about_trees(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="which trees"):
        load_noise([noise(tmp_path, f"allowlist:\n  - {{name: a, title: x, {DATES}}}\n")])


def test_one_name_is_one_entry(tmp_path: Path) -> None:
    one = noise(tmp_path, f"denylist:\n  - {{name: a, title: x, {DATES}}}\n")
    other = tmp_path / "team.yaml"
    other.write_text(one.read_text())
    with pytest.raises(UserError) as error:
        load_noise([one, other])
    assert str(error.value) == f"{other}:2: noise a is defined twice; also {one}:2"


def policy(folder: Path, *rules: str) -> Path:
    """A policy of rules, the first on line 2."""
    path = folder / "policy.yaml"
    path.write_text("policy:\n" + "".join(f"  - {rule}\n" for rule in rules))
    return path


def test_rules_are_read(tmp_path: Path) -> None:
    path = policy(
        tmp_path,
        "{severity: warning, effect: count, reason: r}",
        "{kind: oom-kill, stressors: [memcg], effect: show, reason: r}",
        "{kind: oom-kill, effect: fail, reason: r}",
    )
    rules = load_policy(path)
    assert [(rule.severity, rule.kind, rule.effect, rule.rank) for rule in rules] == [
        (Severity.WARNING, "", Effect.COUNT, 0),
        (None, "oom-kill", Effect.SHOW, 3),
        (None, "oom-kill", Effect.FAIL, 2),
    ]
    assert rules[1].where == f"{path}:3"
    assert checked_policy(rules) == rules


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (["{severity: fatal, effect: count, reason: r}"], "2: policy.0: Value error, fatal reports always fail a cell"),
        (["{severity: fatal, effect: show, reason: r}"], "fatal reports always fail a cell"),
        (["{effect: show, reason: r}"], "a rule is for a severity or for a kind"),
        (["{severity: error, kind: bug, effect: show, reason: r}"], "a rule is for a severity or for a kind"),
        (["{kind: bug, effect: show}"], "2: key policy.0.reason is missing"),
        (["{kind: x, effect: pass, reason: r}"], "2: policy.0.effect: Input should be 'fail', 'count' or 'show'"),
        (["{kind: x, effect: fail, reason: r}", "{kind: x, effect: show, reason: r}"], "3: two rules for x; the other"),
        (
            [
                "{kind: x, stressors: [a, b], effect: fail, reason: r}",
                "{kind: x, stressors: [b], effect: show, reason: r}",
            ],
            "3: two rules for x",
        ),
    ],
)
def test_rules_that_are_refused(tmp_path: Path, rules: list[str], told: str) -> None:
    with pytest.raises(UserError) as error:
        load_policy(policy(tmp_path, *rules))
    assert told in str(error.value)


@pytest.mark.parametrize("kind", ["panic", "null-dereference", "init-died", "double-fault"])
def test_no_kind_that_is_a_death_can_be_made_a_pass(tmp_path: Path, kind: str) -> None:
    path = policy(tmp_path, f"{{kind: {kind}, effect: show, reason: r}}")
    with pytest.raises(UserError) as error:
        checked_policy(load_policy(path))
    assert str(error.value).startswith(f"{path}:2: {kind} is a death, and a kernel that died is never a pass")
    checked_policy(load_policy(policy(tmp_path, f"{{kind: {kind}, effect: fail, reason: r}}")))


def test_a_kind_that_there_is_not(tmp_path: Path) -> None:
    path = policy(tmp_path, "{kind: oom-kil, effect: show, reason: r}")
    with pytest.raises(UserError, match="unknown kind 'oom-kil'; did you mean oom-kill"):
        checked_policy(load_policy(path))


def test_the_users_own_files_and_rules(tmp_path: Path) -> None:
    noise(tmp_path, f"denylist:\n  - {{name: team, title: x, {DATES}}}\n")
    config = tmp_path / "config.yaml"
    config.write_text(
        "noise: [noise.yaml]\npolicy:\n  - {severity: warning, effect: count, reason: we live with them}\n"
    )
    settings = load_settings(tmp_path, {"HARNESS_CONFIG": str(config), "HOME": str(tmp_path)})
    assert settings.noise == (tmp_path / "noise.yaml",)
    where = f"{config}:3"
    assert settings.policy == (PolicyRule(Effect.COUNT, "we live with them", Severity.WARNING, where=where),)
    catalogue = Catalogue(find_layout(), settings)
    assert catalogue.policy()[0].where == where, "before the repository's"
    assert "team" in {entry.name for entry in catalogue.noise()}


def test_a_series_own_rules(tmp_path: Path) -> None:
    (tmp_path / "series.yaml").write_text(
        "title: t\nposted: '2011-08-19'\npatches: 1\ntrees: []\nkconfig: [mm]\nstressors: [quiet]\n"
        "policy:\n  - {kind: warning, stressors: [quiet], effect: count, reason: the series adds one on purpose}\n"
    )
    spec = load_series_spec(tmp_path)
    (rule,) = spec.policy
    assert (rule.kind, rule.effect, rule.where) == ("warning", Effect.COUNT, f"{tmp_path / 'series.yaml'}:8")
    (tmp_path / "series.yaml").write_text(series_yaml(spec, tmp_path))
    (again,) = load_series_spec(tmp_path).policy
    assert (again.kind, again.stressors, again.reason) == (rule.kind, rule.stressors, rule.reason)


# What is shipped


def test_the_repositorys_own_files() -> None:
    layout = find_layout()
    catalogue = Catalogue(layout, load_settings(layout.root, {"HOME": "/nowhere"}))
    interpretation = Interpretation(catalogue, lambda _: None)
    rules = interpretation.rules()
    stressors = set(catalogue.stressor_names())
    assert {rule.severity for rule in rules.policy if rule.severity} == set(Severity)
    assert {name for rule in rules.policy for name in rule.stressors} <= stressors
    assert {name for entry in rules.noise for name in entry.stressors} <= stressors
    for entry in rules.noise:
        assert set(entry.trees) <= set(catalogue.tree_names())
        assert not entry.kind or entry.kind in known_kinds()


# As two guests said it.
IO_APIC = b"""\
..MP-BIOS bug: 8254 timer not connected to IO-APIC
...trying to set up timer (IRQ0) through the 8259A ...  failed.
...trying to set up timer as Virtual Wire IRQ... failed.
...trying to set up timer as ExtINT IRQ... failed :(.
Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with apic=debug and send a report.
"""
SMP_CALLIN = b"""\
kernel BUG at /source/arch/i386/kernel/smpboot.c:342!
invalid operand: 0000 [#1]
PREEMPT SMP
CPU:    1
EIP:    0060:[<c02453a1>]    Not tainted VLI
EFLAGS: 00000092   (2.6.9)
EIP is at smp_callin+0xe1/0x100
eax: 00000029   ebx: 00000001   ecx: 00080000   edx: 00000046
Process swapper (pid: 0, threadinfo=c1866000 task=c1850af0)
Call Trace:
 [<c024540d>] start_secondary+0xd/0x80
Code: 6c a9 26 c0 19 c0 85 c0 75 94 f3 90 a1 80 14 20 c0 39 d0 78 e8 eb
 <0>Kernel panic - not syncing: Attempted to kill the idle task!
"""


@pytest.mark.parametrize(("console", "name"), [(IO_APIC, "tcg-io-apic-timer"), (SMP_CALLIN, "tcg-smp-callin")])
def test_the_shipped_entries_know_what_they_were_made_for(console: bytes, name: str) -> None:
    layout = find_layout()
    catalogue = Catalogue(layout, load_settings(layout.root, {"HOME": "/nowhere"}))
    rules = Interpretation(catalogue, lambda _: None, date(2026, 11, 21)).rules()
    findings = parse_console(console)
    version = KernelVersion.parse("2.6.9")
    (found,) = judged(findings, rules, Circumstances("v2.6.9", version, "quiet", "tcg"))
    assert (found.noise, found.effect) == (name, Effect.SHOW)
    for elsewhere in (
        Circumstances("v2.6.9", version, "quiet", "kvm"),
        Circumstances("v3.0", KernelVersion.parse("3.0"), "quiet", "tcg"),
    ):
        (found,) = judged(findings, rules, elsewhere)
        assert (found.noise, found.effect) == ("", Effect.FAIL)
