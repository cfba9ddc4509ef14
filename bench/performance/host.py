"""The machine, and what it does to every figure."""
from performance import text
from performance.grid import in_order
from performance.records import RULES, median, placements


def machine(measured, folder):
    whole = measured.whole
    rows = [
        ["processor", text.plain(whole["machine"])],
        ["processors", whole["cpus"]],
        ["kernel", text.plain(whole["kernel"])],
        ["load at the start", f"{whole['load']:.2f}"],
        ["commit", text.plain(whole["commit"])],
        ["measured", text.plain(whole["measured"])],
        ["runs, rounds", f"{len(measured.records)}, {len({r.round for r in measured.records})}"],
    ]
    return text.Section("Machine", [text.table(["", ""], rows), *not_compared(measured)])


def not_compared(measured):
    paragraphs = []
    for end, title in (("skipped", "Not compared, because it was not there:"), ("failed", "Runs that failed:")):
        found = [r for r in measured.records if r.end == end]
        reasons = in_order((r.title, r.trouble) for r in found)
        lines = [f"- {text.plain(name)}{where(measured, end, name, why)}: {text.plain(why)}" for name, why in reasons]
        if lines:
            paragraphs.append("\n".join([title, "", *lines]))
    return paragraphs


def where(measured, end, name, why):
    """Of a transport that was measured elsewhere: in which tests it was not."""
    own = [r for r in measured.records if r.title == name]
    if all(r.end == end for r in own):
        return ""
    cells = in_order((r.test, r.get("bytes")) for r in own if r.end == end and r.trouble == why)
    return " (" + ", ".join(test + (f" of {text.exact_size(size)}" if size else "") for test, size in cells) + ")"


def noise(measured, folder):
    good = [r for r in measured.records if r.end == "good" and r.test not in RULES]
    moved = [r for r in good if not r.kept]
    lines = [
        "The round trip of one cache line between the two processors tells how near they stand to each other; the host moves them, and everything in "
        "shared memory follows. It is measured before and after each run.",
        f"Dropped, because the placement changed in them: {len(moved)} of {text.plural(len(good), 'run')}"
        + (f", in {len({r.round for r in moved})} of {text.plural(len({r.round for r in good}), 'round')}." if good else "."),
    ]
    groups = placements([r for r in good if r.kept])
    rows = [
        [text.time(median(g.round_trips)), text.span(g.round_trips, text.time), g.rounds, len(g.runs), "yes" if g.is_absolute else "ratios only"]
        for g in groups
    ]
    if rows:
        lines.append(text.table(["round trip, median", "least to most", "rounds", "runs kept", "absolute figures"], rows))
    return text.Section("Noise", lines + gaps(measured) + clock(measured))


def gaps(measured):
    records = measured.good("host_gaps")
    rows = []
    for where in in_order(r.transport for r in records):
        lost = [r.get("lost_share") for r in records if r.transport == where and r.get("lost_share") is not None]
        longest = [r.get("longest_gap_ns") for r in records if r.transport == where and r.get("longest_gap_ns") is not None]
        if lost and longest:
            rows.append([text.plain(where), text.share(median(lost)), text.share(max(lost)), text.time(median(longest)), text.time(max(longest)), len(lost)])
    if not rows:
        return ["The host's gaps: not measured."]
    head = ["processor", "time lost, median", "at most", "longest gap, median", "at most", "rounds"]
    return ["Gaps of more than 5 µs in a loop that only reads the clock, on each processor alone and on both together:", text.table(head, rows)]


def clock(measured):
    reads = [r.get("read_ns") for r in measured.good("clock") if r.get("read_ns") is not None]
    if not reads:
        return ["One reading of the clock: not measured."]
    return [f"One reading of the clock: {text.time(median(reads))} ({text.span(reads, text.time)})."]
