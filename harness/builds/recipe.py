"""The shell commands that configure and compile a tree in its container, in the dialect that its era names."""

from __future__ import annotations

from harness.model.era import ConfigDialect, Era

# Done in the container, whose user cannot be led out of the output folder by a link that an earlier build left there.
# Files keep their time stamps, so that only what a patch changed is compiled again; harness.files, the list of what was
# copied, is there only when copying was finished, for a file that was cut short looks newer than its source.
_COPY = """cd /source
find . -name .git -prune -o ! -type d -print | LC_ALL=C sort >/out/harness.files.new
update=
if [ -f /out/harness.files ]; then
  update=--update
  mv -f /out/harness.files /out/harness.files.old
fi
if [ -f /out/harness.files.old ]; then
  LC_ALL=C comm -23 /out/harness.files.old /out/harness.files.new | (cd /out && tr '\\n' '\\0' | xargs -0 -r rm -f --)
fi
cp -RP $update --remove-destination --preserve=mode,timestamps . /out
rm -f /out/.git
mv -f /out/harness.files.new /out/harness.files
rm -f /out/harness.files.old
"""
# Kconfig without KCONFIG_ALLCONFIG: what allnoconfig left, with the requests in place of its answers. Options that they
# make visible get their default, which is the answer to an empty line.
_REQUESTS_OVER = (
    "sed -n 's/^\\(# \\)\\{0,1\\}\\(CONFIG_[A-Za-z0-9_]*\\)[= ].*/\\2/p' /out/harness.config >/out/harness.names && "
    "grep -vwFf /out/harness.names /out/.config >/out/harness.seed && "
    "cat /out/harness.seed /out/harness.config >/out/.config"
)


def make(era: Era, words: str) -> str:
    """The make command with its variables; ``words`` are quoted for a shell already."""
    return f"make -C /out {words}" if era.in_tree else f"make -C /source O=/out {words}"


def configure(era: Era, words: str) -> str:
    """Brings the requests, /out/harness.config, into the tree's own .config."""
    call = make(era, words)
    copy = f"set -e\n{_COPY}" if era.in_tree else ""
    if era.dialect is ConfigDialect.CONFIGURE:
        # Its default answer is no, or the first line's of a choice: what is not requested is off, as in allnoconfig.
        return f"{copy}cp /out/harness.config /out/.config\nyes '' | {call} oldconfig\n{call} dep"
    if era.dialect is ConfigDialect.OLDCONFIG:
        return f"{copy}{call} allnoconfig && {_REQUESTS_OVER} && yes '' | {call} oldconfig"
    return f"{copy}{call} KCONFIG_ALLCONFIG=/out/harness.config allnoconfig"


def build(era: Era, words: str, jobs: int) -> str:
    """Makes the era's target. What one command says stays together (-O), so that each warning is told of its object."""
    return f"rm -f /out/.version && {make(era, words)} -j{jobs} -Otarget {era.target}"


def prepare(era: Era, words: str) -> str:
    """Makes what every object needs: generated headers, links and host programs."""
    if era.dialect is ConfigDialect.CONFIGURE:
        return f"{make(era, words)} scripts prepare"
    return f"{make(era, words)} prepare scripts"


def compile_object(era: Era, words: str, path: str) -> str:
    """Compiles one object anew. ``path`` is below the tree's root and of harmless characters: it is not quoted."""
    return f"rm -f /out/{path} && {make(era, words)} {path}"
