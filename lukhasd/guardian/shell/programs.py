"""Programs that run other programs: which they are, and which of their options take a value."""

from __future__ import annotations

import re

SHELLS = {"sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "rbash", "csh", "tcsh"}
# Programs that run the rest of their words: options that take a value, and how many words come before the command.
RUNNERS: dict[str, tuple[str, int]] = {
    "sudo": ("-u -g -h -p -C -T -U -D -R -r -t --user --group", 0),
    "doas": ("-u -C", 0),
    "pkexec": ("--user", 0),
    "env": ("-u --unset -C --chdir", 0),
    "nohup": ("", 0), "setsid": ("", 0), "command": ("", 0), "builtin": ("", 0), "busybox": ("", 0),
    "toybox": ("", 0), "unshare": ("", 0), "proot": ("", 0), "chronic": ("", 0), "unbuffer": ("", 0),
    "fakeroot": ("", 0), "torsocks": ("", 0), "proxychains": ("-f", 0), "catchsegv": ("", 0), "rlwrap": ("", 0),
    "timeout": ("-s --signal -k --kill-after", 1), "gtimeout": ("-s -k", 1),
    "nice": ("-n --adjustment", 0), "ionice": ("-c -n -p", 0), "chrt": ("", 1), "taskset": ("", 1),
    "time": ("-f -o", 0), "exec": ("-a", 0), "stdbuf": ("-i -o -e", 0), "chroot": ("", 1),
    "strace": ("-e -o -p", 0), "ltrace": ("-e -o", 0), "caffeinate": ("-t -w", 0), "flock": ("-w -E", 1),
    "systemd-run": ("-p -u --unit --property", 0), "nsenter": ("-t --target", 0), "runuser": ("-u -g", 0),
    "gosu": ("", 1), "su-exec": ("", 1), "setpriv": ("", 0), "entr": ("", 0), "firejail": ("", 0),
    "npx": ("-p --package", 0), "bunx": ("", 0), "bundle": ("", 1), "direnv": ("", 2), "dotenv": ("-e -f", 0),
    "doppler": ("", 0),
}  # fmt: skip
SUBCOMMAND_RUNNERS = {
    ("poetry", "run"), ("pipenv", "run"), ("uv", "run"), ("pdm", "run"), ("hatch", "run"), ("npm", "exec"),
    ("pnpm", "exec"), ("pnpm", "dlx"), ("yarn", "exec"), ("yarn", "dlx"), ("rye", "run"), ("doppler", "run"),
    ("op", "run"), ("chamber", "exec"), ("mise", "exec"), ("conda", "run"), ("nix-shell", "--run"),
}  # fmt: skip
ONLY_SUBCOMMAND = {"bundle": "exec", "direnv": "exec", "doppler": "run"}
# Programs whose words after the host or the options are shell text.
JOINERS: dict[str, tuple[str, int]] = {
    "ssh": ("-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w", 1),
    "sshpass": ("-p -f -P", 0),
    "watch": ("-n --interval", 0),
    "eval": ("", 0),
    "hyperfine": ("-w -r -n --warmup --runs", 0),
}
CONTAINERS = {"docker", "podman", "kubectl", "nerdctl", "lxc", "oc", "vagrant", "su", "script", "at", "tmux", "screen",
              "nix-shell", "sg", "gcloud", "az", "flatpak-spawn", "distrobox", "toolbox"}  # fmt: skip
TEXT_FLAGS: dict[str, tuple[str, ...]] = {
    "su": ("-c", "--command"), "runuser": ("-c", "--command"), "script": ("-c", "--command"),
    "vagrant": ("-c", "--command"), "nix-shell": ("--run", "--command"), "sg": ("-c",), "expect": ("-c",),
    "ansible": ("-a", "--args"), "rsync": ("-e", "--rsh", "--rsync-path"), "gcloud": ("--command",),
    "tar": ("--to-command", "--use-compress-program", "-I", "--rsh-command"), "zip": ("-TT", "--unzip-command"),
    "split": ("--filter",), "parallel": (),
}  # fmt: skip
DELETERS = {"rimraf", "del-cli", "trash", "trash-put"}
EDITORS = {"vim", "vi", "nvim", "view", "ex", "gvim"}
FIND_VALUES = {"-type", "-maxdepth", "-mindepth", "-printf", "-fprint", "-fls", "-fprintf", "-D", "-O"}
FIND_RUNS = {"-exec", "-execdir", "-ok", "-okdir"}
FIND_ANY = {"-print", "-print0", "-depth", "-xdev", "-mount", "-L", "-H", "-P", "-delete", "-ls", "-follow", "-true",
            "-noleaf", "-prune", "-ignore_readdir_race", *FIND_VALUES, *FIND_RUNS}  # fmt: skip
INSIDE = {
    "tar": re.compile(r"(?:--checkpoint-action=)?exec=(.+)", re.S),
    "vim": re.compile(r"(?:\+|-c)?\s{0,4}:?\s{0,4}(?:silent )?!(.+)", re.S),
    "git": re.compile(r"(?:(?:alias\.[\w-]{1,60}=)?!|core\.(?:sshCommand|pager|editor|fsmonitor)=)(.+)", re.S),
}
ASSIGNED = re.compile(r"[A-Za-z_]\w{0,100}=")
