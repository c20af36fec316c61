"""PouchDB in a Node process of its own, for tests to command."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import Future
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

import pytest

from tests.needs import need, need_packages

HERE = Path(__file__).parent
PATIENCE_S = 60


class PouchError(Exception):
    """What PouchDB threw."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told.get('name')}: {told.get('reason')}")
        self.status = told.get("status")


class Pouch:
    """A Node process with PouchDB. Every verb of `client.mjs` is a method; `start` does not wait for the outcome."""

    def __init__(self) -> None:
        packages = need_packages("pouchdb", "pouchdb-find")
        command = [need("node"), str(HERE / "client.mjs"), str(packages)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._waiting: dict[int, Future[Any]] = {}
        self._numbers = count()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def start(self, verb: str, *rest: Any) -> Future[Any]:
        """Tell it what to do; the outcome will be known later."""
        number, outcome = next(self._numbers), Future[Any]()
        self._waiting[number] = outcome
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([number, verb, *rest]).encode() + b"\n")
        self._process.stdin.flush()
        return outcome

    def __getattr__(self, verb: str) -> Any:
        return lambda *rest: self.start(verb, *rest).result(PATIENCE_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            number, told = json.loads(line)
            outcome = self._waiting.pop(number)
            if "error" in told:
                outcome.set_exception(PouchError(told["error"]))
            else:
                outcome.set_result(told["value"])
        for outcome in self._waiting.values():
            outcome.set_exception(EOFError("node has ended"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            pytest.fail("node did not end")
        finally:
            self._reader.join()
            self._process.stdout.close()  # type: ignore[union-attr]
