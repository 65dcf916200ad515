"""What a script of another language that stands in a command would run or delete, as far as literals tell."""

from __future__ import annotations

import re

LANGUAGES = re.compile(r"(?:python|pypy|perl|ruby|node|nodejs|bun|deno|php|lua|osascript|g?awk|mawk|tclsh)[\d.]{0,6}")
CODE_FLAGS = {"-c", "-e", "-E", "-p", "-r", "--eval", "--print", "-pe", "-ne", "-le", "-lne", "-ie", "-pie"}
CALLS = re.compile(
    r"(?:\bsystem|os\.execute|popen|exec[lv]?p?e?|execSync|spawn(?:Sync)?|\bcall|\brun|check_output|check_call|shell_exec|passthru|"
    r"getoutput|getstatusoutput|do shell script|IO\.popen|\bsh)\s{0,4}\(?\s{0,4}"
    r"""(?:\\?(["'])(?P<text>.{1,4000}?)\\?\1|\[(?P<list>[^\]]{1,4000})\])""",
    re.S,
)
BACKTICKS = re.compile(r"`([^`]{1,2000})`|%x\{([^}]{1,2000})\}|qx[({]([^)}]{1,2000})[)}]")
STRING = re.compile(r"""(["'])(.{0,2000}?)\1""", re.S)
PLACE = (
    r"""\s{0,4}\(?\s{0,4}(?P<glob>(?:(?:pathlib\.)?Path|os\.path\.expanduser|os\.path\.join|path\.join|glob(?:\.glob)?|"""
    r"""Dir\.glob|Dir|File\.expand_path|str|r)?\s{0,4}[\[(]?\s{0,4}){0,3}"""
    r"""(?:(?P<quote>["'])(?P<path>.{1,400}?)(?P=quote)|"""
    r"""(?P<home>(?:pathlib\.)?Path\.home\(\)|os\.homedir\(\)|Dir\.home|os\.environ\[.HOME.\]|process\.env\.HOME|"""
    r"""ENV\[.HOME.\]|\$ENV\{HOME\}|homedir\(\)))"""
)
TREE = re.compile(
    r"""(?:rmtree|remove_tree|removedirs|rm_rf|rm_r|remove_dir|remove_entry(?:_secure)?|rimraf["']?\)?(?:\.sync)?|"""
    r"""emptyDirSync|removeSync|fs\.rm(?:dir)?(?:Sync)?|rm(?:dir)?Sync|(?<!["'\w.-])rm(?=\s{0,4}\()|"""
    r"""Deno\.remove(?:Sync)?)""" + PLACE,
    re.S,
)
FILE = re.compile(
    r"(?:os\.(?:remove|unlink|rmdir|truncate)|unlink(?:Sync)?|File\.(?:delete|unlink)|FileUtils\.rm(?:_f)?|Dir\.(?:rmdir|delete))"
    + PLACE,
    re.S,
)
METHOD = re.compile(r"""Path\(\s{0,4}(["'])(?P<path>.{1,400}?)\1\s{0,4}\)\.(?:unlink|rmdir)\(""", re.S)
EMPTIED = re.compile(
    r"""(?:\bopen|writeFile(?:Sync)?|truncate(?:Sync)?|File\.write|file_put_contents)\s{0,4}\(\s{0,4}"""
    r"""(["'])(?P<path>/.{1,400}?)\1\s{0,4},\s{0,4}(?:["'][wx]|["'])""",
    re.S,
)


def texts(code: str) -> list[str]:
    """The shell commands that `code` starts."""
    found = [
        match["text"].replace("\\", "") if match["text"] else " ".join(quoted(match["list"]))
        for match in CALLS.finditer(code)
    ]
    return found + [next(filter(None, match.groups())) for match in BACKTICKS.finditer(code)]


def quoted(items: str) -> list[str]:
    """The strings of a literal list, quoted for a shell."""
    return ["'" + match[2].replace("'", "'\\''") + "'" for match in STRING.finditer(items)]


UNNAMED = re.compile(
    r"(?:rmtree|remove_tree|rm_rf|rmSync|removeSync|rmdirSync|unlinkSync|os\.(?:remove|unlink))\s{0,4}\(\s{0,4}[A-Za-z_$]"
)
"""A deletion of what a name stands for: any absolute path in the text may be meant."""


def deletions(code: str) -> list[tuple[str, ...]]:
    """What `code` deletes, as the words of an rm."""
    found: list[tuple[str, ...]] = []
    for pattern, flags in ((TREE, ("-r", "-f")), (FILE, ("-f",)), (METHOD, ("-f",))):
        for match in pattern.finditer(code):
            path = match["path"] or "~"
            found.append(("rm", *flags, path.replace("${HOME}", "~")))
    if UNNAMED.search(code):
        places = [match[2] for match in STRING.finditer(code) if re.fullmatch(r"[/~][^\s\"']{0,200}", match[2])]
        found += [("rm", "-r", "-f", place) for place in places]
    return found


def overwritten(code: str) -> list[str]:
    """Files at absolute places that `code` opens for writing."""
    return [match["path"] for match in EMPTIED.finditer(code)]
