"""What the three programs cost at a rate of their own."""
from performance import text
from performance.grid import in_order, samples_by, samples_of_fields, tables
from performance.records import RULES, Sample, ratios
from performance.text import Section, Target, judge, not_measured

MIB = 1024 * 1024


def rate_text(rate):
    return text.bare(text.per_second(rate))


def counted(number):
    return f"{number:,.0f}"


def processor(measured, folder):
    title = "Processor and memory of the three processes"
    records = sorted(measured.good("cpu"), key=lambda r: r.get("rate"))
    if not records:
        return not_measured(title, measured.of("cpu"))
    programs = ("producer", "aggregator", "display")
    shares = [("cpu_percent", "of one core")] + [(f"{name}_cpu_percent", name) for name in programs]
    sizes = [("pss_bytes", "memory (Pss)")] + [(f"{name}_pss_bytes", name) for name in (*programs, "ring")]
    amounts = [("samples_per_s", "samples a second"), ("lost_frames", "frames lost")]
    section = Section(title, [
        "By the samples a second that the source is asked for, of 16 channels in real time, with a display. The ring's own memory is not in the sum.",
    ])
    for columns, form in ((shares + amounts, text.percent), (sizes, text.size)):
        samples = samples_of_fields(records, lambda r: r.get("rate"), [field for field, _ in columns])
        form_of = lambda column, form=form: text.count if column in dict(amounts) else form  # noqa: E731
        section.text += tables(samples, "asked", columns, form_of, label=rate_text, rule=RULES["cpu"])
    asked = measured.as_asked("cpu", rate=100_000)
    for field, what, target in (
        ("cpu_percent", "three processes, of one core at 100 k/s", Target("<", 3, text.percent)),
        ("pss_bytes", "three processes, memory at 100 k/s", Target("<", 24 * MIB, text.size)),
    ):
        section.verdicts += judge(what, [Sample(r.round, r.round_trip_ns, r.get(field)) for r in asked], target, RULES["cpu"])
    return section


def viewers(measured, folder):
    title = "What viewers cost the producer"
    records = sorted(measured.good("viewers"), key=lambda r: r.get("viewers"))
    if not records:
        return not_measured(title, measured.of("viewers"))
    rule, fields = RULES["viewers"], (
        ("system_calls_per_block", "calls", "system calls", 0.05),
        ("do_work_instructions_per_block", "instructions", "instructions of the publishing thread", 0.01),
        ("commit_instructions_per_block", "instructions", "instructions of the commit, among them", 0.01),
    )
    names = {field: name for field, _, name, _ in fields}
    columns = [(number, text.plural(number, "viewer")) for number in in_order(r.get("viewers") for r in records)]
    samples = [s for field in names for s in samples_by(records, lambda _, field=field: field, lambda r: r.get("viewers"), field)]
    section = Section(title, [
        "For each block of 4 KiB, 200 a second: system calls of the whole process, from its start to its end, as strace counts them, and instructions as "
        "valgrind does. Viewers look on and write nothing, so the figures are to be the same.",
        *tables(samples, "of the producer, a block", columns, lambda _: text.grouped, label=names.get, rule=rule),
    ])
    for field, transport, name, within in fields:
        many, none = (measured.as_asked("viewers", transport=transport, viewers=number) for number in (16, 0))
        section.verdicts += judge(f"{name}, 16 viewers beside none", ratios(many, none, field, rule), Target("~", within, text.change), rule)
    return section


def scaling(measured, folder):
    title = "Cost against streams, channels, viewers and gates"
    records = measured.good("scaling")
    if not records:
        return not_measured(title, measured.of("scaling"))
    section = Section(title, [
        "Share of one core, at 1,000,000 samples a second in sum over all streams; 16 channels and one stream where nothing else is said.",
    ])
    for what in in_order(key for r in measured.of("scaling") for key in r.asked):
        some = sorted((r for r in records if what in r.asked), key=lambda r: r.asked[what])
        section.text += [f"### By {text.plain(what)}", *(by_count(what, some) or not_scaled(measured, what))]
    section.text += scrape([r for r in records if r.transport == "scrape"])
    return section


def by_count(what, records):
    columns = [("producer_cpu_percent", "producer"), ("aggregator_cpu_percent", "aggregator")]
    columns += [("viewers_cpu_percent", "all viewers")] if what == "viewers" else []
    amounts = [("samples_per_s", "samples a second"), ("lost_frames", "frames lost")]
    samples = samples_of_fields(records, lambda r: r.asked[what], [field for field, _ in columns + amounts])

    def form_of(column):
        return text.count if column in dict(amounts) else text.percent

    return tables(samples, text.plain(what), columns + amounts, form_of, label=counted, rule=RULES["scaling"])


def not_scaled(measured, what):
    reasons = in_order(r.trouble for r in measured.of("scaling") if what in r.asked and r.trouble)
    return [f"Not measured: {text.plain('; '.join(reasons))}." if reasons else "No run was good and kept."]


def scrape(records):
    columns = [("series", "series", text.count), ("bytes", "answer", text.size), ("duration_ns", "duration, median", text.time),
               ("max_duration_ns", "longest", text.time), ("aggregator_cpu_ns", "aggregator's CPU", text.time)]
    samples = samples_of_fields(records, lambda r: r.get("channels"), [field for field, _, _ in columns])
    if not samples:
        return []
    forms = {field: form for field, _, form in columns}
    return [
        "### A scrape of the metrics",
        "Ten scrapes of the aggregator over HTTP, ten a second, with the metrics of each channel.",
        *tables(samples, "channels", [column[:2] for column in columns], forms.get, label=counted, rule=RULES["scaling"]),
    ]


def hops(measured, folder):
    title = "Latency of each hop"
    records = measured.good("hops")
    if not records:
        return not_measured(title, measured.of("hops"))
    columns = [("mean_ns", "mean"), ("p50_ns", "p50"), ("p99_ns", "p99"), ("max_ns", "max")]

    def row_of(record):
        return f"{record.transport.replace('_', ' ')}, {rate_text(record.get('rate'))}"

    samples = samples_of_fields(records, row_of, [field for field, _ in columns])
    return Section(title, [
        "As the programs' own histograms on the board have it, of 16 channels in real time, by the samples a second that the source is asked for. The "
        "percentiles are upper bounds of their buckets, which are powers of two, and the maximum where that is less; the maximum counts the start too. A "
        "frame's way to the board begins when it is acquired, so it holds the time in which its block fills.",
        *tables(samples, "hop", columns, lambda _: text.time, rule=RULES["hops"]),
    ])
