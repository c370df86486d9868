"""What clients did and saw, and whether a server may have behaved so: the judge of the crash tests.

A history is a list of operations a key, each with the time it was sent and the time its reply came. It goes on across
crashes: an operation without a reply may have happened up to the end of its server or not at all, every other must
show. A read counts as much as a write: what was read once was true, so no crash may take it back.

Four kinds of key, each with its own operations:
  register  SET of values that occur once, DEL, GET. A group of keys that only MSET, MGET and DEL of all of them touch
            is one register, so a part of an MSET is a violation.
  text      APPEND of pieces that occur once, GET
  counter   INCR, GET
"""

import bisect
import dataclasses
import itertools
import math
from typing import Any


@dataclasses.dataclass(slots=True)
class Operation:
    kind: str  # "set", "del", "get", "append", "incr"
    value: Any = None  # of a set: what was written; of a get: what was read; of an append: the piece
    start: float = 0
    end: float = math.inf  # of the reply; without one: of the server
    result: Any = None  # of a del: how many went; of an append: the length; of an incr: the number
    replied: bool = False
    refused: bool = False  # an error reply: it did nothing


def check(kind, operations):
    """What is wrong with the history of one key, in words; an empty list when nothing is."""
    return {"register": check_register, "text": check_text, "counter": check_counter}[kind](operations)


def shown(value):
    text = repr(value)
    return text if len(text) < 80 else f"{text[:60]}... ({len(value)} bytes)"


# --- registers ------------------------------------------------------------------------------------------------------
#
# Gibbons and Korach (1997), for values that are written once: an operation's value was there at some moment between
# its start and its end, so a value was there from the first end to the last start of its operations (a forward zone),
# or at one moment between the last start and the first end (a backward zone). The history is possible exactly if no
# two forward zones overlap and no backward zone lies within a forward one.
#
# "Not there" can be written more than once. Each read of it needs one DEL (or the beginning) that can explain it.


class Zones:
    def __init__(self):
        self.forward, self.backward = [], []  # (begin, end, what)

    def add(self, first_end, last_start, what):
        if first_end < last_start:
            self.forward.append((first_end, last_start, what))
        else:
            self.backward.append((last_start, first_end, what))

    def sort(self):
        self.forward.sort(key=lambda zone: zone[:2])
        self.backward.sort(key=lambda zone: zone[:2])

    def overlapping(self, begin, end):
        """A forward zone that shares time with begin..end."""
        position = bisect.bisect_left(self.forward, end, key=lambda zone: zone[0])
        found = self.forward[position - 1] if position else None
        return found if found and found[1] > begin else None

    def around(self, begin, end):
        """A forward zone that begins before and ends behind."""
        position = bisect.bisect_left(self.forward, begin, key=lambda zone: zone[0])
        found = self.forward[position - 1] if position else None
        return found if found and found[1] > end else None

    def holds_backward(self, begin, end):
        position = bisect.bisect_right(self.backward, begin, key=lambda zone: zone[0])
        return any(zone[1] < end for zone in itertools.takewhile(lambda zone: zone[0] < end, self.backward[position:]))


def check_register(operations):
    wrong = []
    writes = {operation.value: operation for operation in operations if operation.kind == "set"}
    reads = {value: [] for value in writes}
    absences = []
    deletions = [op for op in operations if op.kind == "del" and not op.refused and (not op.replied or op.result)]
    for operation in operations:
        if not operation.replied or operation.refused:
            continue
        if (operation.kind == "get" and operation.value is None) or (operation.kind == "del" and not operation.result):
            absences.append(operation)
        elif operation.kind == "get":
            write = writes.get(operation.value)
            if write is None or write.refused or operation.end < write.start:
                wrong.append(f"read {shown(operation.value)}, which nobody had written")
            else:
                reads[operation.value].append(operation)
    if wrong:
        return wrong

    zones, of_deletions = Zones(), Zones()
    for value, write in writes.items():
        if write.replied or reads[value]:
            members = [write, *reads[value]]
            if not write.refused:
                zones.add(min(op.end for op in members), max(op.start for op in members), value)
    for deletion in deletions:
        if deletion.replied:
            of_deletions.add(deletion.end, deletion.start, "a DEL")
    zones.sort()

    for one, next_one in itertools.pairwise(zones.forward):
        if next_one[0] < one[1]:
            wrong.append(f"{shown(one[2])} was there before and after {shown(next_one[2])}")
    for begin, end, what in zones.backward + of_deletions.backward:
        around = zones.around(begin, end)
        if around:
            wrong.append(f"lost: {shown(what)}; {shown(around[2])} was there before and after it")
    # The beginning is a deletion before everything.
    explanations = [*deletions, Operation("del", start=-math.inf, end=-math.inf)]
    for absence in absences:
        if not any(explains(deletion, absence, zones) for deletion in reversed(explanations)):
            wrong.append("lost: nothing was there, and no DEL explains it")
    return wrong


def explains(deletion, absence, zones):
    if deletion.start > absence.end:
        return False
    first_end, last_start = min(deletion.end, absence.end), max(deletion.start, absence.start)
    if first_end < last_start:
        return zones.overlapping(first_end, last_start) is None and not zones.holds_backward(first_end, last_start)
    return zones.around(last_start, first_end) is None


# --- texts ----------------------------------------------------------------------------------------------------------


def check_text(operations):
    """Every read shows the whole order of the pieces, so it is checked directly."""
    wrong = []
    pieces = {op.value: op for op in operations if op.kind == "append" and not op.refused}
    reads = sorted((op for op in operations if op.kind == "get" and op.replied), key=lambda op: len(op.value or ""))
    longest = reads[-1].value or "" if reads else ""
    ends, length = {}, 0  # of each piece in the longest text read
    for piece in longest.split(";")[:-1]:
        piece += ";"
        length += len(piece)
        if piece not in pieces:
            wrong.append(f"read the piece {shown(piece)}, which nobody had appended")
        elif piece in ends:
            wrong.append(f"the piece {shown(piece)} is there twice")
        ends[piece] = length
    if length != len(longest):
        wrong.append(f"the text ends in half a piece: {shown(longest[length:])}")
    for read in reads:
        if not longest.startswith(read.value or ""):
            wrong.append(f"read {shown(read.value)}, which is no beginning of {shown(longest)}")
    if wrong:
        return wrong
    last_read_start = max((read.start for read in reads), default=-math.inf)
    for piece, append in pieces.items():
        if append.replied and piece in ends and append.result != ends[piece]:
            wrong.append(f"the piece {shown(piece)} ends at {ends[piece]}; its APPEND said {append.result}")
        if append.replied and piece not in ends and append.end < last_read_start:
            wrong.append(f"lost: the piece {shown(piece)}")
    # In real time: what was read or appended before something began is in it.
    for read in reads:
        for piece, end in ends.items():
            append = pieces[piece]
            there = end <= len(read.value or "")
            if append.replied and append.end < read.start and not there:
                wrong.append(f"lost: the piece {shown(piece)}, in a later read")
            if there and append.start > read.end:
                wrong.append(f"read the piece {shown(piece)} before it was appended")
    wrong += went_back([(read.start, read.end, len(read.value or "")) for read in reads], "a read", strictly=False)
    wrong += went_back([(op.start, op.end, ends[piece]) for piece, op in pieces.items() if piece in ends], "a piece",
                       strictly=True)
    return wrong


def went_back(figures, what, strictly):
    """(start, end, figure): a figure must not be lower than one that was complete before it began."""
    by_end = sorted(figures, key=lambda row: row[1])
    highest, position, wrong = -math.inf, 0, []
    for start, _, figure in sorted(figures):
        while position < len(by_end) and by_end[position][1] < start:
            highest = max(highest, by_end[position][2])
            position += 1
        if figure < highest or (strictly and figure == highest):
            wrong.append(f"lost: {what} of {figure} after one of {highest}")
    return wrong


# --- counters -------------------------------------------------------------------------------------------------------


def check_counter(operations):
    wrong = []
    increments = [op for op in operations if op.kind == "incr" and not op.refused]
    numbers = [op.result for op in increments if op.replied]
    reads = [op for op in operations if op.kind == "get" and op.replied]
    if len(set(numbers)) != len(numbers):
        wrong.append("two INCR got the same number")
    wrong += went_back([(op.start, op.end, op.result) for op in increments if op.replied], "an INCR", strictly=True)
    seen = [(op.start, op.end, op.result) for op in increments if op.replied]
    seen += [(op.start, op.end, int(op.value or 0)) for op in reads]
    wrong += went_back(seen, "a number", strictly=False)
    sent = sorted(op.start for op in increments)
    answered = sorted(op.end for op in increments if op.replied)
    for start, end, number in seen:
        if bisect.bisect_left(sent, end) < number:
            wrong.append(f"{number} is more than all INCR sent by then")
        if bisect.bisect_left(answered, start) > number:
            wrong.append(f"lost: {number} is less than all INCR answered by then")
    return wrong
