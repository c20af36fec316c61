"""The file named by `--config`."""

from __future__ import annotations

import tomllib

from replica.errors import BadSettings, Mistake


def read_configuration(path: str) -> None:
    """Check that the file is there and is TOML. No key is known yet, so that every key is refused (`BadSettings`)."""
    try:
        with open(path, "rb") as file:
            keys = tomllib.load(file)
    except OSError as error:
        raise Mistake(f"--config {path}: {error.strerror}", hint="Name a TOML file that can be read.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} is not TOML: {error}", hint="Correct the file.") from error
    for key in keys:
        raise BadSettings(f"{path}: unknown key {key!r}", hint="No keys are known so far; remove it.")
