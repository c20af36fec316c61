"""Files of documents: what is read from them, and what is said of what cannot be read."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replica.errors import BadDocument, Exists, NotFound, ReplicaError
from replica.files import ROOM, Input, new_lines, open_input
from replica.splitting import elements

ITEMS = st.dictionaries(st.text(max_size=4).filter(lambda name: name[:1] != "_"), st.text(max_size=8), max_size=3)


def read(text: bytes | str, document_max: int = 10_000) -> list[tuple[int, Any]]:
    """Number and items of each document (None: to be deleted), or the code of its error."""
    raw = io.BytesIO(text.encode() if isinstance(text, str) else text)
    found: list[tuple[int, Any]] = []
    for number, reader in Input(raw, "the file", 0).entries(document_max):
        try:
            entry = reader()
        except ReplicaError as error:
            found.append((number, error.code))
        else:
            items = None if entry.items is None else json.loads(entry.items)
            found.append((number, items if entry.unid is None else (entry.unid, items)))
    return found


A, B = {"a": 1}, {"b": [2, {"c": "]"}]}


# -- lines


def test_each_line_is_a_document() -> None:
    assert [(1, A), (2, B)] == read('{"a":1}\n{"b":[2,{"c":"]"}]}\n')


def test_the_last_line_needs_no_end() -> None:
    assert [(1, A), (2, A)] == read('{"a":1}\n{"a":1}')


def test_empty_lines_and_spaces_mean_nothing_but_count() -> None:
    assert [(2, A), (4, A)] == read('\n  {"a":1}\r\n  \n{"a":1} \n\n')


def test_an_empty_file_has_no_documents() -> None:
    assert [] == read("")


def test_a_bad_line_is_refused_alone() -> None:
    assert [(1, "bad_document"), (2, A), (3, "bad_document"), (4, A)] == read('{"a":\n{"a":1}\n7\n{"a":1}\n')


NO_DOCUMENTS = [
    *('{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', '{"a":"\\ud800"}', '{"a":1} x', '"text"', "null", "\ufeff{}"),
    *(
        '{"_id":""}',
        '{"_id":7}',
        '{"_x":1}',
        '{"_deleted":1}',
        '{"_deleted":true}',
        '{"a":' + "[" * 200 + "]" * 200 + "}",
    ),
]


@pytest.mark.parametrize("line", NO_DOCUMENTS)
def test_what_is_no_document_is_refused(line: str) -> None:
    assert [(1, A), (2, "bad_document")] == read('{"a":1}\n' + line)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    assert [(1, "bad_document"), (2, A)] == read(b'{"a":"\xff"}\n{"a":1}\n')


def test_unid_and_deletion_are_understood_and_revisions_ignored() -> None:
    line = '{"_id":"x","_rev":"3-abc","_revisions":{"start":3,"ids":[]},"_conflicts":["2-a"],"a":1}\n'
    assert [(1, ("x", A)), (2, ("y", None))] == read(line + '{"_id":"y","_deleted":true,"a":1}')


def test_attachments_are_refused_by_name() -> None:
    assert [(1, "attachments_not_supported"), (2, A)] == read('{"_attachments":{"a":{}}}\n{"_attachments":{},"a":1}')


def test_a_line_too_long_is_refused_and_the_next_one_read() -> None:
    long = json.dumps({"a": "x" * (ROOM + 200)})
    assert [(1, A), (2, "too_large"), (3, A), (4, "too_large")] == read(f'{{"a":1}}\n{long}\n{{"a":1}}\n{long}', 100)


def test_a_long_first_line_is_refused_too() -> None:
    long = json.dumps({"a": "x" * (ROOM + 200)})
    assert [(1, "too_large"), (2, A)] == read(f'{long}\n{{"a":1}}\n', 100)


# -- arrays


@pytest.mark.parametrize("text", ['[{"a":1},{"a":1}]', '[\n  {"a":1},\n  {\n"a":1}\n]\n', ' [{"a":1}\n,{"a":1}]'])
def test_one_array_holds_documents(text: str) -> None:
    assert [A, A] == [items for _, items in read(text)]


@pytest.mark.parametrize("text", ["[]", "[\n]\n", " [ \n ] "])
def test_an_empty_array_has_no_documents(text: str) -> None:
    assert [] == read(text)


def test_a_bad_element_is_refused_alone() -> None:
    assert [(1, A), (2, "bad_document"), (3, A)] == read('[\n{"a":1},\n{"a":1,"a":2},\n{"a":1}\n]')


def test_an_element_too_large_is_refused_alone() -> None:
    long = json.dumps({"a": "x" * (ROOM + 200)})
    assert [(1, A), (2, "too_large"), (3, A)] == read(f'[\n{{"a":1}},\n{long},\n{{"a":1}}\n]', 100)


def test_an_array_on_one_line_longer_than_any_document_is_read() -> None:
    many = [{"a": 1}] * 20_000
    assert [A] * 20_000 == [items for _, items in read(json.dumps(many), 100)]


def test_an_array_without_end_keeps_what_was_whole() -> None:
    assert [(1, A), (2, "bad_document")] == read('[\n{"a":1},\n{"a":')


def test_something_else_behind_an_array_is_refused() -> None:
    assert [(1, A), (2, "bad_document")] == read('[\n{"a":1}\n]\n{"a":1}')


@given(st.lists(ITEMS, max_size=5), st.integers(1, 40), st.sampled_from([None, 1]))
@example([{'\\"': "\\\\"}, {"[": '"]'}], 1, None)
def test_an_array_is_split_alike_wherever_it_is_cut(documents: list[Any], size: int, indent: int | None) -> None:
    text = json.dumps(documents, ensure_ascii=False, indent=indent).encode()[1:]
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    assert documents == [json.loads(part or b"") for part in elements(b"", chunks, 10_000)]


# -- what CouchDB and its tools write

ROWS = (
    '{"total_rows":2,"offset":0,"rows":[\n'
    '{"id":"x","key":"x","value":{"rev":"1-a"},"doc":{"_id":"x","_rev":"1-a","a":1}},\n'
    '{"id":"y","key":"y","value":{"rev":"1-b"},"doc":{"_id":"y","_rev":"1-b","a":1}}\n'
    "]}\n"
)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_dump_of_all_documents_is_read_however_it_is_laid_out(indent: int | None) -> None:
    expected = [(1, ("x", A)), (2, ("y", A))]
    assert expected == read(ROWS)
    assert expected == read(json.dumps(json.loads(ROWS), indent=indent))


def test_a_dump_without_documents_is_refused_row_by_row() -> None:
    rows = '{"rows":[\n{"id":"x","key":"x","value":{"rev":"1-a"}},\n{"key":"y","error":"not_found"}\n]}'
    assert [(1, "bad_document"), (2, "bad_document")] == read(rows)


def test_the_body_of_a_bulk_request_is_read() -> None:
    assert [(1, ("x", A))] == read('{"new_edits":false,"docs":[\n{"_id":"x","a":1}]}')


def test_a_document_with_an_item_named_rows_is_a_document() -> None:
    assert [(1, ("x", {"rows": [1]})), (2, A)] == read('{"rows":[1],"_id":"x"}\n{"a":1}')


def test_a_backup_of_arrays_is_read_line_by_line() -> None:
    backup = (
        '{"name":"@cloudant/couchbackup","version":"2.11.9","mode":"full"}\n'
        '[{"_id":"x","_rev":"1-a","a":1},{"a":1}]\n'
        '[{"_id":"y","a":{"marker":"@cloudant/couchbackup:resume"}\n'
        '[{"_id":"y","a":1}]\n'
        '[{"_id":"z"\n'
        '{"marker":"@cloudant/couchbackup:resume"}\n'
        "[]\n"
    )
    assert [(2, ("x", A)), (2, A), (4, ("y", A)), (5, "bad_document")] == read(backup)


# -- compressed and damaged files


def test_gzip_is_recognised_by_its_content() -> None:
    assert [(1, A), (2, A)] == read(gzip.compress(b'{"a":1}\n{"a":1}\n'))


def test_a_compressed_file_that_is_cut_off_keeps_what_was_whole() -> None:
    lines = b"".join(b'{"a":%d}\n' % number for number in range(30_000))
    *whole, last = read(gzip.compress(lines)[:-2000])
    assert [(number, {"a": number - 1}) for number in range(1, len(whole) + 1)] == whole
    assert len(whole) > 20_000
    assert (len(whole) + 1, "bad_document") == last


def test_a_file_of_which_nothing_can_be_read_is_an_error() -> None:
    with pytest.raises(BadDocument, match="the file is damaged"):
        read(gzip.compress(b'{"a":1}')[:12])


def test_it_is_known_how_much_of_the_file_was_read(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"a":1}\n' * 100)
    (tmp_path / "a.gz").write_bytes(packed)
    with open_input(str(tmp_path / "a.gz")) as file:
        assert 100 == len(list(file.entries(100)))
        assert (len(packed), len(packed)) == (file.size, file.read_bytes)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"), open_input(str(tmp_path / "none")):
        pass
    with pytest.raises(BadDocument, match="is a folder"), open_input(str(tmp_path)):
        pass


# -- writing


def test_lines_appear_at_the_end_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    with new_lines(str(path)) as write:
        write("{}")
        assert not path.exists()
    assert b"{}\n" == path.read_bytes()
    with pytest.raises(KeyError), new_lines(str(tmp_path / "other")):
        raise KeyError
    assert [path] == list(tmp_path.iterdir())


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("mine")
    with pytest.raises(Exists), new_lines(str(path)):
        pass
    assert "mine" == path.read_text()


def test_a_name_that_ends_with_gz_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / "out.gz"
    with new_lines(str(path)) as write:
        write("é")
    assert "é\n" == gzip.decompress(path.read_bytes()).decode()
