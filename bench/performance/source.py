"""The file that chappe-bench --full --json has written."""
import json

from performance.records import Record

TEXTS = ("test", "transport", "end", "trouble", "wait", "policy")  # all other fields but `kept` are numbers or null
NEEDED = {  # of a good run, as numbers
    "ring": ("bytes", "bytes_per_s"),
    "throughput": ("bytes", "bytes_per_s", "messages_per_s"),
    "kernel": ("channels", "samples_per_s"),
    "pipeline": ("channels", "block_bytes", "samples_per_s"),
    "cpu": ("rate", "samples_per_s", "cpu_percent", "pss_bytes"),
    "hops": ("rate",),
    "viewers": ("viewers",),
}


class NotMeasured(Exception):
    """The file is no JSON of chappe-bench --full; the text says what it lacks."""


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


def parts_of(transport):
    """The name, and what is asked for: "moments,channels=4" is "moments" and {"channels": 4}. ValueError: 4 is no number."""
    parts = transport.split(",")
    pairs = [part.split("=", 1) for part in parts if "=" in part]
    return ",".join(part for part in parts if "=" not in part), {key: int(value) for key, value in pairs}


def record_of(one, number):
    def refuse(name):
        raise NotMeasured(f"record {number} has no proper \"{name}\"")

    def need(name, is_right):
        if not isinstance(one, dict) or not is_right(fields.get(name)):
            refuse(name)
        return fields[name]

    def is_text(value):
        return isinstance(value, str)

    fields = one
    try:
        name, asked = parts_of(need("transport", is_text))
    except ValueError:
        refuse("transport")
    fields = {**one, **asked, "transport": name}
    if need("end", lambda value: value in ("good", "skipped", "failed")) == "good":
        for field in NEEDED.get(need("test", is_text), ()):
            need(field, is_number)
    for field in one:
        need(field, is_text if field in TEXTS else lambda value: value is None or isinstance(value, (int, float)))
    return Record(
        test=need("test", is_text),
        transport=name,
        asked=asked,
        round=need("round", is_number),
        round_trip_ns=need("round_trip_ns", is_number),
        kept=need("kept", lambda value: isinstance(value, bool)),
        end=one["end"],
        trouble=one.get("trouble") or "",
        fields=fields,
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
