"""Numbers, tables and verdicts as text."""
import re
from dataclasses import dataclass, field

from performance.records import ABSOLUTE_UP_TO_NS, RULE, median, telling

FEW, TROUBLE = "°", "†"


def digits(value):
    """Three that matter."""
    size = abs(value)
    if size >= 99.95 or size == 0:
        return f"{value:.0f}"
    decimals = 1 if size >= 9.995 else 2 if size >= 0.9995 else 3 if size >= 0.09995 else 4 if size >= 0.009995 else 5
    return f"{value:.{decimals}f}"


def scaled(value, step, units):
    for unit in units:
        if abs(value) < 999.5 or unit == units[-1]:
            return digits(value) + unit
        value /= step
    raise AssertionError("units is empty")


def bare(text):
    """Of a number that is exact: 4 KiB, not 4.00 KiB."""
    return re.sub(r"\.0+(?=\D|$)|(\.\d*?[1-9])0+(?=\D|$)", r"\1", text)


def count(value):
    return scaled(value, 1000, ("", " k", " M", " G", " T"))


def per_second(value):
    return count(value) + "/s"


def byte_rate(value):
    return scaled(value, 1000, (" B/s", " kB/s", " MB/s", " GB/s", " TB/s"))


def size(value):
    return scaled(value, 1024, (" B", " KiB", " MiB", " GiB"))


def exact_size(value):
    return bare(size(value))


def time(value_ns):
    return scaled(value_ns, 1000, (" ns", " µs", " ms", " s"))


def seconds(value):
    return time(value * 1e9)


def percent(value):
    return digits(value) + " %"


def share(value):
    return percent(100 * value)


def times(value):
    return digits(value) + " ×"


def change(ratio):
    """Of a ratio: how far it is from 1."""
    return f"{100 * (ratio - 1):+.2f} %"


def grouped(value):
    return f"{value:,.0f}" if abs(value) >= 999.5 else digits(value)


def plain(text):
    """Of the file into a cell of a table: it may hold anything."""
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def table(head, rows):
    """The first column is text, the others are figures."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1)] + rows
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def span(values, form):
    low, high = form(min(values)), form(max(values))
    return low if low == high else f"{low} to {high}"


def said_of(placement):
    trips = placement.round_trips
    if placement.anywhere:
        return f"{plural(placement.rounds, 'round')}, the round trip at {span(trips, time)}"
    return f"Round trip {time(median(trips))} ({span(trips, time)}), {plural(placement.rounds, 'round')}"


def plural(number, word):
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


@dataclass(frozen=True)
class Target:
    """What was promised of a figure."""

    sign: str  # >=, <=, <; ~: at most so far from 1
    limit: float
    form: object = times  # writes a figure
    absolute: bool = False  # it is no ratio: quoted and judged in a close placement alone

    def holds(self, value):
        if self.sign == "~":
            return abs(value - 1) <= self.limit
        return value >= self.limit if self.sign == ">=" else value <= self.limit if self.sign == "<=" else value < self.limit

    def __str__(self):
        if self.sign == "~":
            return f"the same within {bare(share(self.limit))}"
        sign = {">=": "at least", "<=": "at most", "<": "under"}[self.sign]
        return f"{sign} {bare(self.form(self.limit))}"


def judge(what, samples, target, rule=RULE):
    """Rows of the table of verdicts: one for each placement that has enough rounds, or one that says why there is none."""
    rows = []
    for placement in telling(samples, rule):
        values = [sample.value for sample in placement.runs]
        value, spread = target.form(median(values)), span(values, target.form)
        trip = "any" if placement.anywhere else time(median(placement.round_trips))
        if target.absolute and not placement.is_absolute:
            value, spread, verdict = "-", "-", f"not judged: above {ABSOLUTE_UP_TO_NS} ns"
        elif placement.rounds < rule.fewest:
            verdict = "too few rounds"
        else:
            verdict = "met" if target.holds(median(values)) else "**missed**"
        rows.append([what, target, value, spread, trip, placement.rounds, verdict])
    return rows or [[what, target, "-", "-", "-", 0, "too few rounds"]]


def verdicts_table(rows):
    return table(["figure", "target", "median", "least to most", "round trip", "rounds", "verdict"], rows)


@dataclass
class Section:
    title: str
    text: list = field(default_factory=list)  # paragraphs
    verdicts: list = field(default_factory=list)  # rows of judge()

    def __str__(self):
        own = [verdicts_table(self.verdicts)] if self.verdicts else []
        return "\n\n".join([f"## {self.title}", *self.text, *own])


def not_measured(title, records):
    """Instead of a section."""
    why = "no run was good and kept" if records else "not measured"
    return Section(title, [f"{why[0].upper()}{why[1:]}."])
