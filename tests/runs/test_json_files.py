"""JSON that says two things, or more than our code can handle, is refused in a sentence; the rest is what it says."""

import json
from dataclasses import dataclass, field

import pytest

from minattn.errors import InputError, RunError
from minattn.runs import brief, from_json, parse_json, read_bytes, read_json, read_json_list


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"a": 1, "a": 1}', "it has 'a' twice in one object"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "it has 'a' twice in one object"),
        (b"[" * 101 + b"]" * 101, "it has more than 100 levels"),
        (b"[" * 100_000, "it has more than 100 levels"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "it has more than 100 levels"),
        (b"[1, " + b"9" * 401 + b"]", "it has a number of 401 digits"),
        (b"-" + b"9" * 100_000, "it has a number of 100,001 digits"),
        (b'["\\ud800"]', r"it has half a character in '\ud800'"),
        (b'{"a\\udfff": 1}', r"it has half a character in 'a\udfff'"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_json_that_cannot_be_used_is_refused_with_what_is_wrong(tmp_path, content, complaint):
    with pytest.raises(ValueError) as caught:
        parse_json(content)
    assert str(caught.value) == complaint and not isinstance(caught.value, json.JSONDecodeError)
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_json(tmp_path / "a.json")
    assert str(caught.value) == f"{tmp_path}/a.json is damaged: expected JSON, but {complaint}"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b'"\xed\xa0\x80"', b"[1,]", b"{'a': 1}", b"01", b"1 2", b"\x00"]
)
def test_what_is_no_json_is_told_from_json_that_cannot_be_used(content):
    with pytest.raises(json.JSONDecodeError):
        parse_json(content)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"[" * 99 + b"1" + b"]" * 99, None),
        (b'{"a": {"a": 1}, "b": [{"a": 1}]}', {"a": {"a": 1}, "b": [{"a": 1}]}),
        (b"9" * 400, int("9" * 400)),
        (b"1e400", float("inf")),
        (b"-Infinity", float("-inf")),
        ('\ufeff{"中": "\U0001f600"}'.encode(), {"中": "\U0001f600"}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_everything_else_is_what_it_says(content, value):
    assert parse_json(content) == (json.loads(content) if value is None else value)


def test_a_large_object_with_a_key_twice_is_refused_at_once():
    keys = ", ".join(f'"{i}": 0' for i in range(200_000))
    with pytest.raises(ValueError, match="it has '199999' twice in one object"):
        parse_json(f'{{{keys}, "199999": 0}}'.encode())


def test_a_list_is_read_as_one_and_nothing_else_is(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    assert read_json_list(tmp_path / "a.json") == [1]
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.json is damaged: expected a JSON list, got a dict$"):
        read_json_list(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_what_cannot_be_the_name_of_a_file_is_said_to_be_none(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot be the name of a file$"):
        read_bytes(tmp_path / name)


@pytest.mark.parametrize("kind", [InputError, RunError])
def test_a_message_is_shown_by_its_beginning_and_its_end_where_it_is_too_long_to_be_read(kind):
    assert str(kind("a file of " + "x" * 870)) == "a file of " + "x" * 870
    told = str(kind("a file of " + "x" * 10**6 + " is missing"))
    assert told.startswith("a file of xxx") and told.endswith("xxx is missing") and len(told) < 950 and "x … x" in told
    assert isinstance(kind("a"), {InputError: ValueError, RunError: RuntimeError}[kind])


@pytest.mark.parametrize("value", ["a" * 10**6, 10**400, [[[[[[[[[1]]]]]]]]] * 9, {"a": "b" * 500}, list(range(999))])
def test_a_value_in_a_message_is_short(value):
    assert len(brief(value)) < 300
    assert brief("short") == "'short'" and brief([1, {"a": None}]) == "[1, {'a': None}]"


def test_a_field_that_is_younger_than_a_file_has_the_value_that_it_had_before():
    @dataclass
    class Settings:
        width: int
        share: float | None = field(default=0.5, metadata={"before": None})

    assert from_json(Settings, {"width": 3}, "where") == Settings(3, None)
    assert from_json(Settings, {"width": 3, "share": 0.25}, "where") == Settings(3, 0.25)
    with pytest.raises(InputError, match="where lacks width"):
        from_json(Settings, {"share": 0.25}, "where")
