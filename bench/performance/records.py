"""What chappe-bench measured: its file, the records of single runs, and their placements.

A host moves virtual processors between cores, and that alone changes figures by a factor of ten. The round trip of a cache line tells
the placement. So a median is one of runs of one placement, and a ratio is formed between two runs of one round and one placement.
"""
import json
from dataclasses import dataclass

FEWEST_ROUNDS = 5  # of one placement, for a verdict
ABSOLUTE_UP_TO_NS = 150  # above, ratios alone are quoted
TEXTS = ("test", "transport", "end", "trouble", "wait", "policy", "what", "hop")  # all other fields but `kept` are numbers or null
NEEDED = {  # of a good run, as numbers
    "ring": ("bytes", "bytes_per_s"),
    "throughput": ("bytes", "bytes_per_s", "messages_per_s"),
    "kernel": ("channels", "samples_per_s"),
    "pipeline": ("channels", "block_bytes", "samples_per_s"),
    "cpu": ("samples_per_s", "cpu_percent", "pss_bytes"),
    "scaling": ("count",),
}


class NotMeasured(Exception):
    """The file is no JSON of chappe-bench --full; the text says what it lacks."""


@dataclass(frozen=True)
class Record:
    """One run. `fields` is the object as it stands in the file."""

    test: str
    transport: str
    round: int
    round_trip_ns: float
    kept: bool
    end: str
    trouble: str
    fields: dict

    def get(self, name):
        """None: it has none, or no number could be given (NaN is null in JSON)."""
        return self.fields.get(name)

    @property
    def is_good(self):
        return self.end == "good" and self.kept


@dataclass(frozen=True)
class Sample:
    """A figure of one run, or a ratio of two: at (row, column) of a table."""

    round: int
    round_trip_ns: float
    value: float
    row: object = None
    column: object = None
    trouble: str = ""


@dataclass(frozen=True)
class Placement:
    """Runs of which each has the same round trip as the shortest."""

    runs: list

    @property
    def round_trips(self):
        return [run.round_trip_ns for run in self.runs]

    @property
    def rounds(self):
        return len({run.round for run in self.runs})

    @property
    def is_absolute(self):
        return median(self.round_trips) <= ABSOLUTE_UP_TO_NS


def median(values):
    """The upper one of an even number, as chappe-bench takes it."""
    return sorted(values)[len(values) // 2]


def same_placement(one_ns, other_ns):
    return one_ns == other_ns or max(one_ns, other_ns) < min(one_ns, other_ns) * 4 / 3


def placements(runs):
    groups = []
    for run in sorted(runs, key=lambda r: r.round_trip_ns):
        if not groups or not same_placement(groups[-1][0].round_trip_ns, run.round_trip_ns):
            groups.append([])
        groups[-1].append(run)
    return [Placement(group) for group in groups]


def telling(runs):
    """The placements with enough rounds for a verdict; if there is none, the one with most."""
    groups = placements(runs)
    enough = [group for group in groups if group.rounds >= FEWEST_ROUNDS]
    return enough or sorted(groups, key=lambda group: (-group.rounds, -len(group.runs)))[:1]


def ratios(ours, theirs, field):
    """Samples of ours / theirs, of the rounds in which both were measured in one placement."""
    return [
        Sample(our.round, our.round_trip_ns, our.get(field) / their.get(field))
        for our in ours
        for their in theirs
        if our.round == their.round
        and same_placement(our.round_trip_ns, their.round_trip_ns)
        and our.get(field) is not None
        and their.get(field)
    ]


class Measured:
    """The whole file."""

    def __init__(self, whole):
        self.whole = whole
        self.records = [record_of(one, number) for number, one in enumerate(whole["records"])]

    def of(self, test, **fields):
        """All runs of a test whose fields have these values."""
        return [r for r in self.records if r.test == test and all(r.get(name) == value for name, value in fields.items())]

    def good(self, test, **fields):
        return [r for r in self.of(test, **fields) if r.is_good]

    def as_asked(self, test, **fields):
        """Good runs without trouble: those that a verdict may be built on."""
        return [r for r in self.good(test, **fields) if not r.trouble]


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def record_of(one, number):
    def need(name, is_right):
        if not isinstance(one, dict) or not is_right(one.get(name)):
            raise NotMeasured(f"record {number} has no proper \"{name}\"")
        return one[name]

    def is_text(value):
        return isinstance(value, str)

    if need("end", lambda value: value in ("good", "skipped", "failed")) == "good":
        for name in NEEDED.get(need("test", is_text), ()):
            need(name, is_number)
    for name in one:
        need(name, is_text if name in TEXTS else lambda value: value is None or isinstance(value, (int, float)))
    return Record(
        test=need("test", is_text),
        transport=need("transport", is_text),
        round=need("round", is_number),
        round_trip_ns=need("round_trip_ns", is_number),
        kept=need("kept", lambda value: isinstance(value, bool)),
        end=one["end"],
        trouble=one.get("trouble") or "",
        fields=one,
    )


def refuse_constant(name):
    raise NotMeasured(f"it holds {name}, which is no number")


def load(path):
    """Raises OSError, NotMeasured."""
    with open(path, encoding="utf-8") as file:
        try:
            whole = json.load(file, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            raise NotMeasured(f"it is no JSON: {error}") from error
    if not isinstance(whole, dict):
        raise NotMeasured("it is no JSON object")
    for name, kind in {"machine": str, "commit": str, "kernel": str, "cpus": int, "load": (int, float), "records": list}.items():
        if not isinstance(whole.get(name), kind):
            raise NotMeasured(f"it has no proper \"{name}\"")
    if not whole["records"]:
        raise NotMeasured("it has no records")
    return Measured(whole)
