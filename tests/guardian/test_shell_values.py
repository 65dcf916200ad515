"""Values are followed through variables, loops, functions, substitutions, pipes, files and folders."""

from __future__ import annotations

import pytest

from lukhasd.guardian.shell import Command, read_commands


def removals(text: str) -> list[tuple[str, str | None]]:
    """The operands of every rm, and the folder it runs in."""
    found: list[tuple[str, str | None]] = []
    for command in read_commands(text)[0]:
        if command.program == "rm":
            found += [(word.text, command.folder) for word in command.arguments if not word.text.startswith("-")]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for d in /etc /usr; do rm -rf $d; done", ["/etc", "/usr"]),
        ("for d in {a,b}; do rm $d; done", ["a", "b"]),
        ("for i in {1..3}; do rm f$i; done", ["f1", "f2", "f3"]),
        ("D=/x; rm ${D:?}", ["/x"]),
        ("rm ${D:-/x}", ["/x"]),
        ("rm ${HOME:?}", ["~"]),
        ("P=/a/b; rm ${P%/*}", ["/a"]),
        ("P=a.tar.gz; rm ${P%%.*} ${P##*.} ${P/tar/zip} ${P:0:1}", ["a", "gz", "a.zip.gz", "a"]),
        ("a=(/x /y); rm ${a[@]}", ["/x", "/y"]),
        ("a=(/x /y); rm ${a[1]}", ["/y"]),
        ("set -- /x; rm $1", ["/x"]),
        ("f() { rm $2; }; f a /x", ["/x"]),
        ("function f { rm $@; }; f /x /y", ["/x", "/y"]),
        ("rm $(echo /x)", ["/x"]),
        ("rm `printf /%s x`", ["/x"]),
        ("rm $(dirname /x/y)", ["/x"]),
        ("rm $(mktemp)", ["/tmp/tmp.XXXXXXXXXX"]),
        ("echo /x | while read d; do rm $d; done", ["/x"]),
        ("read d <<< /x; rm $d", ["/x"]),
        ("echo /x | xargs rm", ["/x"]),
        ("echo /x | xargs -I@ rm @/y", ["/x/y"]),
        ("printf '/x\\0/y' | xargs -0 rm", ["/x", "/y"]),
        ("echo /x > l; xargs -a l rm", ["/x"]),
        ("echo 'rm /x' > s.sh; sh s.sh", ["/x"]),
        ("cat > s.sh <<'E'\nrm /x\nE\nchmod +x s.sh; ./s.sh", ["/x"]),
        ("cat > s.sh <<'E'\nrm $1\nE\nbash s.sh", ["$1"]),
        ("sh -c 'rm $1' - /x", ["/x"]),
        ("if true; then D=/x; else D=/y; fi; rm $D", ["/x", "/y"]),
        ("case a in a) D=/x;; *) D=/y;; esac; rm $D", ["/x", "/y"]),
        ("D=/x; false && D=/y; rm $D", ["/x", "/y"]),
        ("D=/x; while false; do D=/y; done; rm $D", ["/x", "/y"]),
        ("D=a; D+=b; rm $D", ["ab"]),
        ("x='rm /x'; $x", ["/x"]),
        ("rm $UNKNOWN/x", ["$UNKNOWN/x"]),
        ("echo 'rm /x' | tr a-z a-z | sh", ["/x"]),
        ("echo 'x/ mr' | rev | sh", ["/x"]),
        ("find /x | xargs rm", ["/x", "/x/*"]),
        ("find . -name y | xargs rm", ["{}"]),
        ("python3 -c 'import shutil; shutil.rmtree(\"/x\")'", ["/x"]),
        ("node -e \"fs.unlinkSync('/x')\"", ["/x"]),
        ("ruby -e 'FileUtils.rm_rf(\"/x\")'", ["/x"]),
        ("python3 -c \"subprocess.run(['rm', '-r', '/x'])\"", ["/x"]),
        ("git -c alias.y='!rm /x' y", ["/x"]),
        ("tar cf a --checkpoint-action=exec='rm /x' .", ["/x"]),
        ("vim -c ':!rm /x'", ["/x"]),
        ("parallel rm ::: /x /y", ["/x", "/y"]),
    ],
)
def test_values(text: str, expected: list[str]) -> None:
    assert [operand for operand, _ in removals(text)] == expected


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("rm x", None),
        ("cd / && rm x", "/"),
        ("cd build && rm x", "build"),
        ("cd /a/b; cd ../c; rm x", "/a/c"),
        ("cd; rm x", "~"),
        ("(cd /a); rm x", None),
        ("pushd /a; rm x", "/a"),
        ("cd $D; rm x", "$D"),
        ("cd -; rm x", "$OLDPWD"),
        ("mkdir a && cd a; rm x", "a"),
        ("false && cd a; rm x", None),
        ("[ -d a ] && cd a && rm x", "a"),
        ("cd a || exit; rm x", "a"),
    ],
)
def test_folders(text: str, folder: str | None) -> None:
    assert removals(text) == [("x", folder)]


def test_a_file_written_elsewhere_is_not_the_one_that_runs() -> None:
    assert removals("cd /a; echo 'rm /x' > s.sh; cd /b; sh s.sh") == []
    assert removals("cd /a; echo 'rm /x' > s.sh; cd /b; sh ../a/s.sh") == [("/x", "/b")]


def test_a_subshell_keeps_its_variables() -> None:
    assert removals("D=/x; (D=/y); rm $D") == [("/x", None)]


def test_what_is_fed_is_known() -> None:
    def fed(text: str) -> str | None:
        command: Command = next(c for c in read_commands(text)[0] if c.program == "psql")
        return command.fed

    assert fed("echo 'drop table x' | psql") == "drop table x\n"
    assert fed("psql <<E\ndrop table x\nE") == "drop table x\n"
    assert fed("curl x | psql") is None
