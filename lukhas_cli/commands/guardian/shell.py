"""`lukhas guardian shell-init`: a guard for the lines that are typed at a prompt."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from lukhas_cli.command import command
from lukhas_cli.commands.guardian.app import app
from lukhas_cli.inputs import read_snippet
from lukhas_cli.outcome import Outcome


@command(
    app,
    name="shell-init",
    examples="echo 'eval \"$(lukhas guardian shell-init bash)\"' >> ~/.bashrc\n"
    "echo 'eval \"$(lukhas guardian shell-init zsh)\"' >> ~/.zshrc\n"
    "echo 'lukhas guardian shell-init fish | source' >> ~/.config/fish/config.fish",
)
def shell_init(
    context: typer.Context,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> Outcome:
    """Print what makes a shell ask the guardian before it runs a line.

    Enter sends the line to the daemon. APPROVED: it is run. REVIEW and CONDITIONAL: the reasons are shown, and it is
    run after y. REJECTED: the reasons are shown, and the line stays to be edited; there is no way to run it but
    `lukhas_guard off`, which says so and holds for that shell alone. A line such as `ls` or `cd ..` is not sent.

    Where the daemon does not run, lines are run and a warning is shown once: a prompt that does nothing would leave
    you without the means to start it. LUKHAS_GUARD_ON_ERROR=block runs none.
    """
    text = read_snippet(f"guard.{shell}")
    return Outcome({"shell": shell, "source": text}, lambda _: print(text, end=""))
