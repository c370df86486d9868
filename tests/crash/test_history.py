"""The judge itself: histories that are possible, and histories that it must not let pass."""

import pytest

from history import Operation, check


def operation(kind, value, start, end, result=None):
    """end None: no reply, its server ended at 100."""
    return Operation(kind, value, start, 100 if end is None else end, result, replied=end is not None)


def write(value, start, end=None):
    return operation("set", value, start, end)


def read(value, start, end):
    return operation("get", value, start, end)


def delete(start, end=None, result=1):
    return operation("del", None, start, end, None if end is None else result)


def append(piece, start, end=None, length=None):
    return operation("append", piece, start, end, length)


def increment(start, end=None, number=None):
    return operation("incr", None, start, end, number)


POSSIBLE = {
    "an acknowledged write is there": ("register", [write("a", 1, 2), read("a", 101, 102)]),
    "the last of two writes is there": ("register", [write("a", 1, 2), write("b", 3, 4), read("b", 101, 102)]),
    "either of two writes at the same time is there":
        ("register", [write("a", 1, 5), write("b", 2, 4), read("a", 101, 102)]),
    "a write without a reply is there": ("register", [write("a", 1, 2), write("b", 3), read("b", 101, 102)]),
    "a write without a reply is not there": ("register", [write("a", 1, 2), write("b", 3), read("a", 101, 102)]),
    "a write without a reply happened late":
        ("register", [write("a", 1), write("b", 2, 3), read("b", 4, 5), read("a", 101, 102)]),
    "nothing was ever there": ("register", [read(None, 1, 2), read(None, 101, 102)]),
    "a deletion without a reply happened": ("register", [write("a", 1, 2), delete(3), read(None, 101, 102)]),
    "a deletion without a reply did not happen": ("register", [write("a", 1, 2), delete(3), read("a", 101, 102)]),
    "written after a deletion": ("register", [write("a", 1, 2), delete(3, 4), write("b", 5, 6), read("b", 101, 102)]),
    "deleted, written, deleted": ("register", [write("a", 1, 2), delete(3, 4), read(None, 4.1, 4.2), write("b", 5, 6),
                                               read("b", 6.1, 6.2), delete(7, 8), read(None, 101, 102)]),
    "a deletion beside a write, either way": ("register", [write("a", 1, 9), delete(2, 8), read("a", 101, 102)]),
    "a read during a write sees the old value": ("register", [write("a", 1, 2), write("b", 3, 9), read("a", 4, 5),
                                                              read("b", 6, 7), read("b", 101, 102)]),
    "a refused write is not there":
        ("register", [write("a", 1, 2), Operation("set", "b", 3, 4, replied=True, refused=True), read("a", 101, 102)]),
    "pieces in the order of their replies":
        ("text", [append("a;", 1, 2, 2), append("b;", 3, 4, 4), read("a;", 2.5, 2.6), read("a;b;", 101, 102)]),
    "a piece without a reply is there": ("text", [append("a;", 1), read("a;", 101, 102)]),
    "a piece without a reply is not there": ("text", [append("a;", 1), read(None, 101, 102)]),
    "counted": ("counter", [increment(1, 2, 1), increment(3, 4, 2), increment(5), read("2", 101, 102)]),
    "counted with one that had no reply": ("counter", [increment(1, 2, 1), increment(5), read("2", 101, 102)]),
}

IMPOSSIBLE = {
    "an acknowledged write is gone": ("register", [write("a", 1, 2), read(None, 101, 102)]),
    "an acknowledged write fell back": ("register", [write("a", 1, 2), write("b", 3, 4), read("a", 101, 102)]),
    "an acknowledged write fell back beside one without a reply":
        ("register", [write("a", 1, 2), write("b", 3, 4), write("c", 3.5), read("a", 101, 102)]),
    "what was read is gone": ("register", [write("a", 1), read("a", 3, 4), read(None, 101, 102)]),
    "what was read fell back":
        ("register", [write("a", 1, 2), write("b", 3), read("b", 4, 5), read("a", 101, 102)]),
    "what was read came after a later write was read":
        ("register", [write("a", 1, 2), write("b", 3, 4), read("b", 5, 6), read("a", 7, 8)]),
    "a value that nobody wrote": ("register", [write("a", 1, 2), read("z", 101, 102)]),
    "a value before it was written": ("register", [read("a", 1, 2), write("a", 3, 4)]),
    "a refused write is there":
        ("register", [Operation("set", "b", 3, 4, replied=True, refused=True), read("b", 101, 102)]),
    "a deleted value is back": ("register", [write("a", 1, 2), delete(3, 4), read("a", 101, 102)]),
    "a deletion that was seen is undone":
        ("register", [write("a", 1, 2), delete(3), read(None, 4, 5), read("a", 101, 102)]),
    "a write between two absences, with one deletion":
        ("register", [write("a", 1, 2), delete(3, 4), read(None, 5, 6), write("b", 7, 8), read(None, 101, 102)]),
    "DEL found nothing where something was":
        ("register", [write("a", 1, 2), delete(3, 4, result=0), read("a", 101, 102)]),
    "lost at the second crash": ("register", [write("a", 1, 2), write("b", 3), read("b", 101, 102),
                                              read("a", 201, 202)]),
    "a piece is gone": ("text", [append("a;", 1, 2, 2), append("b;", 3, 4, 4), read("a;", 101, 102)]),
    "all pieces are gone": ("text", [append("a;", 1, 2, 2), read(None, 101, 102)]),
    "a piece is gone from the middle": ("text", [append("a;", 1, 2, 2), append("b;", 3, 4, 4), read("b;", 101, 102)]),
    "a piece that was read is gone": ("text", [append("a;", 1), read("a;", 3, 4), read(None, 101, 102)]),
    "a piece is there twice": ("text", [append("a;", 1, 2, 2), read("a;a;", 101, 102)]),
    "half a piece": ("text", [append("aa;", 1, 2, 3), read("aa;a", 101, 102)]),
    "a piece that nobody appended": ("text", [append("a;", 1, 2, 2), read("a;z;", 101, 102)]),
    "pieces in another order": ("text", [append("a;", 1, 2, 2), append("b;", 3, 4, 4), read("b;a;", 101, 102)]),
    "a text that changed in the middle":
        ("text", [append("a;", 1), append("b;", 1), read("b;", 2, 3), read("a;b;", 101, 102)]),
    "fewer than counted": ("counter", [increment(1, 2, 1), increment(3, 4, 2), read("1", 101, 102)]),
    "more than counted": ("counter", [increment(1, 2, 1), increment(3), read("3", 101, 102)]),
    "a number that was read is gone": ("counter", [increment(1), read("1", 2, 3), read(None, 101, 102)]),
    "a number twice": ("counter", [increment(1, 2, 1), increment(1, 2, 1), read("2", 101, 102)]),
    "a number again after a crash": ("counter", [increment(1, 2, 1), increment(101, 102, 1)]),
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_possible_history_passes(name):
    assert check(*POSSIBLE[name]) == []


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_history_does_not_pass(name):
    assert check(*IMPOSSIBLE[name]) != []
