"""Records of single runs, and their placements.

A host moves virtual processors between cores, and that alone changes figures by a factor of ten. The round trip of a cache line tells
the placement. So a median is one of runs of one placement, and a ratio is formed between two runs of one round and one placement.
"""
from dataclasses import dataclass

FEWEST_ROUNDS = 5  # of one placement, for a verdict
ABSOLUTE_UP_TO_NS = 150  # above, ratios alone are quoted


@dataclass(frozen=True)
class Rule:
    """What a test's figures are medians of."""

    fewest: int = FEWEST_ROUNDS  # rounds, for a verdict
    anywhere: bool = False  # where the processors stand is not asked: all rounds count, and figures are absolute


RULE = Rule()
RULES = {  # of the tests that have another: one thread, or a rate of its own, or counts
    "kernel": Rule(anywhere=True),
    "cpu": Rule(fewest=3, anywhere=True),
    "scaling": Rule(fewest=3, anywhere=True),
    "hops": Rule(fewest=3, anywhere=True),
    "viewers": Rule(fewest=3, anywhere=True),
}


@dataclass(frozen=True)
class Record:
    """One run. `fields` is the object as it stands in the file, and what its transport asks for: of "moments,channels=4" the 4."""

    test: str
    transport: str  # without what it asks for
    asked: dict
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
    def title(self):
        """Of the programs' tests, which alone ask for something, with the test."""
        asked = [f"{key}={value}" for key, value in self.asked.items()]
        return ", ".join([self.test, *filter(None, [self.transport]), *asked]) if asked else self.transport

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
    anywhere: bool = False

    @property
    def round_trips(self):
        return [run.round_trip_ns for run in self.runs]

    @property
    def rounds(self):
        return len({run.round for run in self.runs})

    @property
    def is_absolute(self):
        return self.anywhere or median(self.round_trips) <= ABSOLUTE_UP_TO_NS


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


def telling(runs, rule=RULE):
    """The placements with enough rounds for a verdict; if there is none, the one with most."""
    if rule.anywhere:
        return [Placement(list(runs), anywhere=True)] if runs else []
    groups = placements(runs)
    enough = [group for group in groups if group.rounds >= rule.fewest]
    return enough or sorted(groups, key=lambda group: (-group.rounds, -len(group.runs)))[:1]


def ratios(ours, theirs, field, rule=RULE):
    """Samples of ours / theirs, of the rounds in which both were measured in one placement."""
    return [
        Sample(our.round, our.round_trip_ns, our.get(field) / their.get(field))
        for our in ours
        for their in theirs
        if our.round == their.round
        and (rule.anywhere or same_placement(our.round_trip_ns, their.round_trip_ns))
        and our.get(field) is not None
        and their.get(field)
    ]
