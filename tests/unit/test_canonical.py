"""One strict parser at every door, one encoding for what is stored: what they take, what they refuse, what they keep."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import replica
from replica.canonical import DEPTH_MAX, DIGITS_MAX, canonical, check, parse, same
from replica.document import Document, check_items
from replica.errors import BadDocument

texts = st.text(st.characters(codec="utf-8"))  # all of Unicode, U+0000 too, without lone surrogates
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False, width=64) | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=25
)


def exactly(value: Any) -> Any:
    """A value in a form whose equality is exact: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    if isinstance(value, dict):
        return {name: exactly(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [exactly(inner) for inner in value]
    return (type(value).__name__, repr(value))


def nested(opening: str, closing: str, depth: int) -> str:
    return opening * depth + closing * depth


NESTINGS = {
    "arrays": lambda depth: nested("[", "]", depth),
    "objects": lambda depth: '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1),
    "both": lambda depth: '{"a":[' * (depth // 2) + ("[]" if depth % 2 else "") + "]}" * (depth // 2),
    "arrays around text": lambda depth: "[" * depth + '"x"' + "]" * depth,
}

# JSON texts, the value they must give, and its canonical bytes
ACCEPTED: list[tuple[str, Any, str]] = [
    ("null", None, "null"),
    ("true", True, "true"),
    ("false", False, "false"),
    ("0", 0, "0"),
    ("-0", 0, "0"),
    ("-1", -1, "-1"),
    ("1", 1, "1"),
    ("1.0", 1.0, "1.0"),
    ("1.50", 1.5, "1.5"),
    ("-0.0", -0.0, "-0.0"),
    ("-0e1", -0.0, "-0.0"),
    ("1e0", 1.0, "1.0"),
    ("1E+2", 100.0, "100.0"),
    ("1e-7", 1e-07, "1e-07"),
    ("0.0001", 0.0001, "0.0001"),
    ("1e15", 1e15, "1000000000000000.0"),
    ("1e16", 1e16, "1e+16"),
    ("123456789012345678", 123456789012345678, "123456789012345678"),
    ("9007199254740993", 2**53 + 1, "9007199254740993"),
    ("18446744073709551616", 2**64, "18446744073709551616"),
    ("9007199254740993.0", 9007199254740992.0, "9007199254740992.0"),
    ("0.1", 0.1, "0.1"),
    ("0.30000000000000004", 0.30000000000000004, "0.30000000000000004"),
    ("5e-324", 5e-324, "5e-324"),
    ("1e-400", 0.0, "0.0"),
    ("1.7976931348623157e308", sys.float_info.max, "1.7976931348623157e+308"),
    ('""', "", '""'),
    ('"\\u0061"', "a", '"a"'),
    ('"\\/"', "/", '"/"'),
    ('"\\b\\f\\n\\r\\t\\"\\\\"', '\b\f\n\r\t"\\', '"\\b\\f\\n\\r\\t\\"\\\\"'),
    ('"\\u0000"', "\0", '"\\u0000"'),
    ('"\\u001F"', "\x1f", '"\\u001f"'),
    ('"\x7f"', "\x7f", '"\x7f"'),
    ('"\u2028\u2029"', "\u2028\u2029", '"\u2028\u2029"'),
    ('"\\uD83D\\uDE00"', "😀", '"😀"'),
    ('"\\uffff\\ufffe"', "\uffff\ufffe", '"\uffff\ufffe"'),
    ('"\ufeff"', "\ufeff", '"\ufeff"'),
    ('"\U0010ffff"', "\U0010ffff", '"\U0010ffff"'),
    ('"e\u0301"', "e\u0301", '"e\u0301"'),  # not composed to é
    ('"\u00e9"', "\u00e9", '"\u00e9"'),
    ("[]", [], "[]"),
    ("[ 1 ,\t2 ,\r\n3 ]", [1, 2, 3], "[1,2,3]"),
    ("[[],{},[[]]]", [[], {}, [[]]], "[[],{},[[]]]"),
    ("{}", {}, "{}"),
    (' { "b" : 1 , "a" : 2 } ', {"a": 2, "b": 1}, '{"a":2,"b":1}'),
    ('{"":0}', {"": 0}, '{"":0}'),
    (
        '{"a":1,"A":2,"é":3,"😀":4,"ｚ":5}',
        {"a": 1, "A": 2, "é": 3, "😀": 4, "ｚ": 5},
        '{"A":2,"a":1,"é":3,"ｚ":5,"😀":4}',
    ),
    ('{"é":1,"e\u0301":2}', {"e\u0301": 2, "\u00e9": 1}, '{"e\u0301":2,"\u00e9":1}'),
    ('{"a\\"b":1,"a\\nb":2}', {'a"b': 1, "a\nb": 2}, '{"a\\nb":2,"a\\"b":1}'),
    ("[1,1.0,true]", [1, 1.0, True], "[1,1.0,true]"),
]

REFUSED: list[tuple[str, str | bytes]] = [
    ("nothing", ""),
    ("a space", " "),
    ("a word", "hello"),
    ("an unknown word", "nul"),
    ("a capital word", "True"),
    ("NaN", "NaN"),
    ("Infinity", "Infinity"),
    ("-Infinity", "-Infinity"),
    ("NaN in an array", "[NaN]"),
    ("Infinity in an object", '{"a":-Infinity}'),
    ("inf", "inf"),
    ("1e999", "1e999"),
    ("-1e999", '{"a":[-1e999]}'),
    ("1E400 in an array", "[1E400]"),
    ("a plus sign", "+1"),
    ("a leading zero", "01"),
    ("a leading zero after the sign", "-01"),
    ("a bare minus", "-"),
    ("nothing before the point", ".5"),
    ("nothing after the point", "1."),
    ("nothing after the exponent", "1e"),
    ("two signs", "--1"),
    ("hexadecimal", "0x10"),
    ("digits with underscores", "1_000"),
    ("digits of another script", "１"),
    ("another script's digits after the point", "1.２"),
    ("a trailing comma in an array", "[1,]"),
    ("a trailing comma in an object", '{"a":1,}'),
    ("a leading comma", "[,1]"),
    ("two commas", "[1,,2]"),
    ("no comma", "[1 2]"),
    ("an open array", "[1"),
    ("a closed array that was not open", "1]"),
    ("an open object", '{"a":1'),
    ("a value without a key", "{1}"),
    ("a key without a value", '{"a"}'),
    ("a key without quotes", "{a:1}"),
    ("a key in single quotes", "{'a':1}"),
    ("a number as a key", "{1:1}"),
    ("an open text", '"abc'),
    ("a text in single quotes", "'abc'"),
    ("a raw line feed in a text", '"a\nb"'),
    ("a raw tab in a text", '"a\tb"'),
    ("a raw NUL in a text", '"a\0b"'),
    ("an unknown escape", '"\\x41"'),
    ("an escape cut short", '"\\u00"'),
    ("an escape that is no hexadecimal", '"\\u00g0"'),
    ("an escape with a sign", '"\\u+041"'),
    ("a backslash at the end", '"\\"'),
    ("a comment", "[1] // one"),
    ("a block comment", "/* */ 1"),
    ("a second value", "1 2"),
    ("a second object", "{}{}"),
    ("text after the value", '{"a":1} x'),
    ("a NUL after the value", "{}\0"),
    ("a no-break space", "[1,\u00a02]"),
    ("a form feed", "[\f1]"),
    ("a duplicate key", '{"a":1,"a":1}'),
    ("a duplicate key deep inside", '[{"b":{"a":1,"c":2,"a":3}}]'),
    ("a duplicate key in two spellings", '{"a":1,"\\u0061":2}'),
    ("a duplicate key beyond the BMP", '{"😀":1,"\\ud83d\\ude00":2}'),
    ("a lone high surrogate, escaped", '"\\ud800"'),
    ("a lone low surrogate, escaped", '"\\udfff"'),
    ("surrogates in the wrong order", '"\\ude00\\ud83d"'),
    ("a lone surrogate in a key", '{"\\ud800":1}'),
    ("a lone surrogate before a text", '["\\ud800x"]'),
    ("a lone surrogate, raw", '"\ud800"'),
    ("a lone surrogate in a key, raw", '{"\udc80":1}'),
    ("a pair of raw surrogates", '"\ud83d\ude00"'),
    ("half a pair raw, half escaped", '"\ud83d\\ude00"'),
    ("a byte-order mark", "\ufeff{}"),
    ("a byte-order mark in bytes", b"\xef\xbb\xbf{}"),
    ("UTF-16", '{"a":1}'.encode("utf-16")),
    ("UTF-16 without a mark", '{"a":1}'.encode("utf-16-le")),
    ("Latin-1", '"é"'.encode("latin-1")),
    ("a lone continuation byte", b'"\x80"'),
    ("an overlong encoding", b'"\xc0\xaf"'),
    ("a surrogate in UTF-8", b'"\xed\xa0\x80"'),
    ("beyond Unicode", b'"\xf4\x90\x80\x80"'),
    ("a character cut short", b'"\xe2\x82"'),
    ("an invalid byte outside of texts", b"[1,\xff]"),
]


@pytest.mark.parametrize(("text", "value", "bytes_"), ACCEPTED, ids=[ascii(case[0]) for case in ACCEPTED])
def test_what_is_json_is_read_exactly_and_written_canonically(text: str, value: Any, bytes_: str) -> None:
    assert exactly(value) == exactly(parse(text))
    assert exactly(value) == exactly(parse(text.encode()))
    assert bytes_.encode() == canonical(parse(text))


@pytest.mark.parametrize("text", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(BadDocument) as refused:
        parse(text)
    assert "bad_document" == refused.value.code
    assert refused.value.hint


@pytest.mark.parametrize("text", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_not_json_is_refused_as_an_item_too(text: str | bytes) -> None:
    inside = b'{"x":' + text + b"}" if isinstance(text, bytes) else '{"x":' + text + "}"
    with pytest.raises(BadDocument):
        Document.from_json(inside)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a":"\xff"}', "not UTF-8: byte 0xff at offset 6"),
        ("\ufeff{}", "byte-order mark"),
        ('{"a":1,"b":2,"b":3}', "the key 'b' is there twice"),
        ("[NaN]", "NaN is not JSON"),
        ("[1e999]", "the number 1e999 is too large for a float"),
        ('"\\ud800"', "lone surrogate"),
        ("[1,]", "not JSON: "),
        (nested("[", "]", 300), "nested deeper than 200 levels"),
        ("9" * (DIGITS_MAX + 1), "more than 4300 digits"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str | bytes, message: str) -> None:
    with pytest.raises(BadDocument, match=message):
        parse(text)


@given(json_values)
@example([1, 1.0, True, 0, 0.0, -0.0, False, None, ""])
@example(10**400)
@example({"\0": "\u2028", "\ufeff": "\ufdd0", "😀": "\U0010ffff"})
def test_canonical_bytes_read_back_as_exactly_the_same_value(value: Any) -> None:
    assert exactly(value) == exactly(parse(canonical(value)))


@given(json_values)
def test_canonical_bytes_are_canonical(value: Any) -> None:
    once = canonical(value)
    assert once == canonical(parse(once))
    assert once == check_items({"x": value})[len('{"x":') : -1]


@given(json_values, st.randoms(use_true_random=False))
def test_the_order_of_keys_and_the_spelling_of_the_input_do_not_matter(value: Any, random: Any) -> None:
    def shuffled(item: Any) -> Any:
        if isinstance(item, dict):
            names = list(item)
            random.shuffle(names)
            return {name: shuffled(item[name]) for name in names}
        return [shuffled(inner) for inner in item] if isinstance(item, list) else item

    spelled = json.dumps(shuffled(value), indent=random.choice([None, 3]), ensure_ascii=random.random() < 0.5)
    assert canonical(value) == canonical(parse(spelled))


@given(json_values, json_values)
@example(1, 1.0)
@example(1, True)
@example(0.0, -0.0)
@example([1], [1.0])
@example({"a": 0}, {"a": False})
@example("é", "e\u0301")
def test_same_is_equality_of_canonical_bytes(a: Any, b: Any) -> None:
    assert (canonical(a) == canonical(b)) == same(a, b)
    assert same(a, a)
    assert same(b, a) == same(a, b)


@given(st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_read_or_refused(data: bytes) -> None:
    try:
        value = parse(data)
    except BadDocument:
        return
    assert exactly(value) == exactly(parse(canonical(value)))


@given(st.text(st.sampled_from('{}[],:"\\u0d8fe+-.1Na \n😀\ud800'), max_size=20))
def test_whatever_the_text_is_it_is_read_or_refused(text: str) -> None:
    try:
        value = parse(text)
    except BadDocument:
        return
    assert exactly(value) == exactly(parse(canonical(value)))


@pytest.mark.parametrize("kind", NESTINGS)
def test_nesting_of_200_levels_is_accepted(kind: str) -> None:
    text = NESTINGS[kind](DEPTH_MAX)
    assert text.encode() == canonical(parse(text))
    check(parse(text))


@pytest.mark.parametrize("kind", NESTINGS)
@pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 900, 100_000])
def test_deeper_nesting_is_refused(kind: str, depth: int) -> None:
    with pytest.raises(BadDocument, match="nested deeper than 200 levels"):
        parse(NESTINGS[kind](depth))


def test_many_brackets_side_by_side_are_not_nesting() -> None:
    text = "[" + ",".join(["[{}]"] * 1000) + "]"
    assert text.encode() == canonical(parse(text))


def test_brackets_in_texts_are_not_nesting() -> None:
    text = json.dumps(["[" * 500, "{" * 500])
    assert ["[" * 500, "{" * 500] == parse(text)


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_values_from_python_are_held_to_the_same_depth(kind: str) -> None:
    def deep(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = {"list": [value], "tuple": (value,), "dict": {"a": value}}[kind]
        return value

    with replica.create(":memory:") as here:
        document = here.put({"a": deep(DEPTH_MAX - 1)})  # the object of the items is the first level
        assert exactly({"a": deep(DEPTH_MAX - 1)}) == exactly(here.get(document.unid).items)
        for levels in (DEPTH_MAX, 5000):
            with pytest.raises(BadDocument, match="nested deeper than 200 levels"):
                here.put({"a": deep(levels)})
        assert 1 == len(here)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(BadDocument):
        check_items({"a": loop})


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        [math.nan],
        {"b": [math.inf]},
        b"bytes",
        {1, 2},
        object(),
        1j,
        {1: 2},
        {None: 1},
        {"a": {True: 1}},
        "\ud800",
        {"\udc80": 1},
        10**DIGITS_MAX,
        -(10**DIGITS_MAX),
        range(3),
    ],
    ids=lambda value: "a long integer" if type(value) is int else ascii(value)[:20],
)
def test_what_json_cannot_say_is_refused_from_python(value: Any) -> None:
    with replica.create(":memory:") as here:
        with pytest.raises(BadDocument):
            here.put({"x": value})
        assert 0 == len(here)
        assert 0 == here.info()["update_seq"]


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), 10**DIGITS_MAX - 1, 1 - 10**DIGITS_MAX, 2**53 + 1, -(2**63) - 1],
    ids=["10^400", "-10^400", "4300 digits", "-4300 digits", "2^53+1", "-2^63-1"],
)
def test_integers_of_up_to_4300_digits_come_back_exactly(value: int) -> None:
    assert value == parse(canonical(value))
    with replica.create(":memory:") as here:
        here.put({"n": value}, unid="n")
        assert exactly({"n": value}) == exactly(here.get("n").items)
        assert exactly({"n": value}) == exactly(Document.from_json(here.get("n").to_json()).items)


@pytest.mark.parametrize("sign", ["", "-"])
def test_longer_integers_are_refused_clearly(sign: str) -> None:
    assert 10**DIGITS_MAX - 1 == abs(parse(sign + "9" * DIGITS_MAX))
    with pytest.raises(BadDocument, match="a number has more than 4300 digits"):
        parse(sign + "9" * (DIGITS_MAX + 1))


def test_a_long_fraction_is_a_float() -> None:
    assert 0.1 == parse("0.1" + "0" * 10_000)


def test_one_and_one_point_zero_and_true_are_three_values() -> None:
    with replica.create(":memory:") as here:
        documents = [here.put({"x": value}, unid=name) for name, value in (("a", 1), ("b", 1.0), ("c", True))]
        assert 3 == len({document.to_json()[-6:] for document in documents})
        for document in documents:
            assert exactly(document.items) == exactly(here.get(document.unid or "").items)


def test_an_object_is_what_a_document_is() -> None:
    for text in ("[]", "1", "null", '"x"', "true"):
        with pytest.raises(BadDocument, match="a document is a JSON object"):
            Document.from_json(text)
    for value in ([], 1, None, "x", [("a", 1)]):
        with pytest.raises(BadDocument, match="a document is an object"):
            check_items(value)
