"""The documents that are measured: made from a seed, or taken from a file.

A made document looks like the record of an installed package: about 0.9 kB, some twenty items, strings of natural
lengths and a few numbers, no two alike. The same seed gives the same bytes on every machine.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import sys
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

DEFAULT = 20_000
SYLLABLE_TEXT = "ar ba co den el fi go han in jo ka lib mon net or per qua ra sys ten ul vec wex xi yam zod"
WORD_TEXT = (
    "a of for the and with small fast simple common shared development library runtime documentation tools client server "
    "protocol image sound network file archive text editor terminal desktop games data bindings module support parser "
    "compiler debugger plugin utilities framework database scientific graph matrix engine interface files headers"
)
SYLLABLES, WORDS = SYLLABLE_TEXT.split(), WORD_TEXT.split()
PEOPLE = ("Ada Bø", "Łukasz Nowak", "Grace Okafor", "José Núñez", "Kim Minjun", "Lena Groß", "Maria Rossi", "Tom Hale")
SECTIONS = ("admin", "devel", "doc", "games", "libdevel", "libs", "net", "perl", "python", "science", "utils", "web")
FACETS = (
    "role::program",
    "interface::commandline",
    "implemented-in::c",
    "use::editing",
    "works-with::text",
    "scope::utility",
)


def documents(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Documents by seed: `count` of them, each with its own `_id`."""
    rng = random.Random(seed)
    return (_document(rng, number) for number in range(count))


def _document(rng: random.Random, number: int) -> dict[str, Any]:
    name = f"{_name(rng)}{number}"
    architecture = rng.choice(("amd64", "amd64", "all"))
    version = f"{rng.randrange(12)}.{rng.randrange(30)}.{rng.randrange(100)}+dfsg-{rng.randrange(1, 9)}"
    team = rng.choice(SECTIONS)
    document: dict[str, Any] = {
        "_id": f"{name}/{architecture}",
        "Form": "Package",
        "Package": name,
        "Source": _name(rng),
        "Version": version,
        "Installed-Size": int(rng.lognormvariate(6, 1.8)),
        "Maintainer": f"{rng.choice(PEOPLE)} for the {team} team <{team}-maintainers@lists.example.org>",
        "Architecture": architecture,
        "Depends": ", ".join(f"{_name(rng)} (>= {rng.randrange(9)}.{rng.randrange(60)})" for _ in range(_few(rng))),
        "Description": " ".join(rng.choices(WORDS, k=rng.randrange(5, 12))),
        "Homepage": f"https://{name}.example.org/{rng.choice(SECTIONS)}/",
        "Description-md5": f"{rng.getrandbits(128):032x}",
        "Tag": ", ".join(rng.sample(FACETS, rng.randrange(4))),
        "Section": team,
        "Priority": "optional",
        "Filename": f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb",
        "Size": int(rng.lognormvariate(11, 2)),
        "MD5sum": f"{rng.getrandbits(128):032x}",
        "SHA256": f"{rng.getrandbits(256):064x}",
    }
    return {item: value for item, value in document.items() if value != ""}


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randrange(2, 5)))


def _few(rng: random.Random) -> int:
    """Mostly a handful, sometimes none, now and then dozens: as dependencies are."""
    return min(60, int(rng.lognormvariate(1.7, 0.9)))


def documents_of(path: Path) -> Iterator[dict[str, Any]]:
    """Documents of a file, one JSON object a line (`.gz` too); one without `_id` gets a UNID, `_rev` is left out."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            document = json.loads(line)
            document.pop("_rev", None)
            document.setdefault("_id", uuid.uuid5(uuid.NAMESPACE_URL, f"{path.name}:{number}").hex)
            yield document


def write(target: Path, *, documents_wanted: int, seed: int, corpus: Path | None) -> dict[str, Any]:
    """Write the corpus to `target`, one document a line; what it is, for the results (never where it was)."""
    source: Iterable[dict[str, Any]] = documents_of(corpus) if corpus else documents(documents_wanted, seed)
    if corpus and documents_wanted:
        source = islice(source, documents_wanted)
    digest, size = hashlib.sha256(), 0
    unids: set[str] = set()
    with target.open("wb") as out:
        for document in source:
            if document["_id"] in unids:
                raise SystemExit(f"the corpus has {document['_id']!r} twice")
            unids.add(document["_id"])
            line = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            out.write(line)
            digest.update(line)
            size += len(line)
    origin = {"file": corpus.name} if corpus else {"seed": seed}
    return {**origin, "documents": len(unids), "bytes": size, "sha256": digest.hexdigest()}


def main(target: str, count: str, seed: str, corpus: str | None = None) -> None:
    """A program of its own, so that the runner stays small: a child's peak memory is never below its parent's."""
    wanted = int(count) or (0 if corpus else DEFAULT)
    facts = write(Path(target), documents_wanted=wanted, seed=int(seed), corpus=Path(corpus) if corpus else None)
    print(json.dumps(facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
