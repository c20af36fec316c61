"""The process in which workloads run. It loads the workload and all it imports once, then forks for each run.

Run by path, not as a module of the tests: it must import nothing but the standard library and the workload. Commands
come in as lines of JSON on stdin; what happened goes out as lines of JSON on the handle given as the third argument.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

LINE_MAX = 4096  # PIPE_BUF: a line arrives whole or not at all, whenever its writer is killed

Token = str | int


class Channel:
    """To the parent through the pipe, and into the trace if one is recorded."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._mark = ctypes.CDLL(None).fi_mark
        self._mark.argtypes = [ctypes.c_char, ctypes.c_char_p]

    def say(self, what: str, value: object, token: Token | None = None) -> None:
        text = value[: LINE_MAX // 16] if isinstance(value, str) else value
        line = json.dumps({"what": what, "value": text, "token": token}) + "\n"
        assert len(line) < LINE_MAX, "a token is short"
        os.write(self._handle, line.encode())

    @contextmanager
    def attempt(self, token: Token) -> Iterator[None]:
        """What the block does is acknowledged as `token` when it has ended.

        If it raises, the error is on record, the token stays unknown (done or not done), and the workload goes on.
        """
        mark = json.dumps(token).encode()
        self._mark(b"B", mark)
        self.say("begun", "", token)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it was, it was reported
            self.say("error", described(error), token)
        else:
            self.say("acknowledged", "", token)
            self._mark(b"A", mark)


def described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def load(path: Path) -> ModuleType:
    """A workload is a Python file, not a module of a package."""
    spec = importlib.util.spec_from_file_location(f"workload_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def perform(function: Callable[..., None], folder: Path, channel: Channel, arguments: list[object]) -> None:
    """In the forked process."""
    try:
        function(folder, *arguments)
    except Exception as error:  # noqa: BLE001 - the parent decides what it means
        traceback.print_exc()
        channel.say("raised", described(error))
    else:
        channel.say("finished", "")


def main() -> None:
    root, workload, handle = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    sys.path[0] = root
    channel = Channel(handle)
    module = load(workload)
    channel.say("ready", "")
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            arguments: list[object] = [channel.attempt] if command["attempts"] else []
            try:
                perform(getattr(module, command["function"]), Path(command["folder"]), channel, arguments)
            finally:
                sys.stderr.flush()
                os._exit(0)
        channel.say("started", child)
        _, status = os.waitpid(child, 0)
        channel.say("ended", os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
