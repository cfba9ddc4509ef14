"""Writes performance.md and its plots from what chappe-bench --full --json measured. bench/report calls it.

Usage: /usr/bin/python3 bench/report.py MEASURED.json FOLDER
Writes FOLDER/performance.md, FOLDER/performance/*.svg and FOLDER/performance/measured.json, which is the same data, compact.
"""
import datetime
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
from performance import host, pipeline, programs, records, source, text, transports  # noqa: E402  no folder of bytecode among the sources

SECTIONS = (
    host.machine, host.noise,
    transports.ring, transports.throughput, transports.small_records, transports.rivals, transports.latency, transports.cost,
    pipeline.kernel, pipeline.end_to_end, programs.processor, programs.viewers, programs.scaling, programs.hops,
)
ABOUT = f"""# Performance

Written by `bench/report` from [what was measured](performance/measured.json). No
figure is typed in by hand, but for those of the chapter on what was tried.

Two processes, pinned to processors of their own, do the same work over every transport. A figure is a median over runs of one placement, which the
round trip of a cache line tells; a ratio is formed between two runs of one round and one placement. A verdict needs at least {records.FEWEST_ROUNDS} rounds of one
placement. The kernel runs in one thread, and the programs at a rate of their own are not compared within a round: of those tests every round counts,
wherever the processors stood. Five rounds of the kernel are wanted, and three where a cost is measured at a rate or calls and instructions are counted.
Other absolute figures are quoted where the round trip is at most {records.ABSOLUTE_UP_TO_NS} ns; above it, ratios alone. Rates count in powers of 1,000, memory and
message sizes in powers of 1,024."""
REPEAT = """## How to repeat it

```
bench/report
```

installs what is missing, builds, measures and writes this page; on a quiet machine, for the figures mean nothing on another.
`bench/report --from docs/performance/measured.json` writes it anew from the same figures, and `chappe-bench` shows the short form in under a minute."""


def document(measured, folder, tried):
    sections = [section(measured, folder) for section in SECTIONS]
    verdicts = [row for section in sections for row in section.verdicts]
    summary = text.Section("What was promised", [] if verdicts else ["Nothing that was measured has a target."], verdicts)
    # `tried` is a chapter of its own, as it stands.
    return "\n\n".join([ABOUT, str(summary), *map(str, sections), tried.strip(), REPEAT]) + "\n"


def when_of(path):
    return datetime.datetime.fromtimestamp(os.stat(path).st_mtime, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def replace(path, content):
    """Whole, or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(content, encoding="utf-8")
    new.replace(path)


def write(file, out):
    measured = source.load(file)
    # The file's own date, kept in the copy: a checkout would give that another.
    measured.whole.setdefault("measured", when_of(file))
    folder = out / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    for plot in ("throughput.svg", "latency.svg", "kernel.svg"):  # none stays that these figures do not give
        (folder / plot).unlink(missing_ok=True)
    tried = (pathlib.Path(__file__).parent / "tried.md").read_text(encoding="utf-8")
    page = document(measured, folder, tried)
    replace(folder / "measured.json", json.dumps(measured.whole, separators=(",", ":"), ensure_ascii=False) + "\n")
    replace(out / "performance.md", page)


def main(arguments):
    def give_up(code, what):
        print(f"report: {what}", file=sys.stderr)
        return code

    if len(arguments) != 2:
        return give_up(os.EX_USAGE, "two arguments: MEASURED.json FOLDER")
    file, out = map(pathlib.Path, arguments)
    try:
        write(file, out)
    except source.NotMeasured as error:
        return give_up(os.EX_DATAERR, f"{file}: {error}. Wanted: the output of chappe-bench --full --json")
    except OSError as error:
        is_file = error.filename is not None and pathlib.Path(error.filename) == file
        return give_up(os.EX_NOINPUT if is_file else os.EX_CANTCREAT, f"{error.filename or out}: {error.strerror}")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
