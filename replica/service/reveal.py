"""Secrets where they are kept: the first line of a file, or of what a command prints."""

from __future__ import annotations

from replica.errors import Mistake

COMMAND_S = 60.0  # in which a command has printed its secret, or never will


def first_line_of_file(said: str, path: str) -> str:
    """The first line of the file at `path`. `said`: what names it, for the message of the `Mistake` if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"{said}: {path} cannot be read", hint="Name a file that holds the secret.") from error


def first_line_of_command(said: str, command: str) -> str:
    """The first line that a command prints. `Mistake` if it fails, or is not done after `COMMAND_S`."""
    import subprocess

    hint = "Name a command that prints the secret."
    try:
        done = subprocess.run(
            command, shell=True, stdout=subprocess.PIPE, check=False, encoding="utf-8", timeout=COMMAND_S
        )
    except subprocess.TimeoutExpired as error:
        raise Mistake(f"{said} has printed nothing after {COMMAND_S:g} s", hint=hint) from error
    if done.returncode:
        raise Mistake(f"{said} ended with code {done.returncode}", hint=hint)
    return done.stdout.partition("\n")[0].rstrip("\r")
