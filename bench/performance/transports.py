"""Chappe's ring beside the bare limit and other ways between two processes."""
from performance import plots, text
from performance.grid import for_plot, in_order, samples_by, samples_of_fields, tables
from performance.records import Sample, median, ratios
from performance.text import Section, Target, judge, not_measured

MIDDLEWARE = ("boost", "zeromq", "iceoryx")
PERCENTILES = [("p50_ns", "p50"), ("p90_ns", "p90"), ("p99_ns", "p99"), ("p99_9_ns", "p99.9"), ("max_ns", "max")]
BASE = ("chappe", "Chappe's")


def transport_of(record):
    return record.transport


def ring(measured, folder):
    title = "The ring against the bare limit"
    records = measured.good("ring")
    if not records:
        return not_measured(title, measured.of("ring"))
    sizes = sorted({r.get("bytes") for r in records})
    samples = samples_by(records, transport_of, lambda r: r.get("bytes"), "bytes_per_s")
    section = Section(title, [
        "The bare ring has the same geometry, release/acquire cursors, and checks nothing. Chappe's has gate, sequences, marks, headers, ledger and bell "
        "switched on. The producer fills every byte, the consumer reads every byte, and the sums are compared.",
        *tables(samples, "blocks of", [(b, text.exact_size(b)) for b in sizes], lambda _: text.byte_rate, BASE),
    ])
    for block_bytes, least in ((4096, 0.85), (16384, 0.90)):
        ours, bare = (measured.as_asked("ring", transport=name, bytes=block_bytes) for name in ("chappe", "bare"))
        section.verdicts += judge(f"chappe / bare, {text.exact_size(block_bytes)}", ratios(ours, bare, "bytes_per_s"), Target(">=", least))
    rates = [Sample(r.round, r.round_trip_ns, r.get("bytes_per_s") / 4) for r in measured.as_asked("ring", transport="chappe", bytes=16384)]
    section.verdicts += judge("chappe, f32 samples, 16 KiB", rates, Target(">=", 5e9, text.per_second, absolute=True))
    return section


def throughput(measured, folder):
    title = "Throughput by message size"
    records = measured.good("throughput")
    if not records:
        return not_measured(title, measured.of("throughput"))
    samples = samples_by(records, transport_of, lambda r: r.get("bytes"), "bytes_per_s")
    columns = [(size, text.exact_size(size)) for size in sorted({r.get("bytes") for r in records})]
    lines, is_relative = for_plot(samples, "chappe")
    looks = plots.styles_of(in_order(r.transport for r in records), "chappe", "bare")
    y_label, form = ("multiple of Chappe's", text.times) if is_relative else ("carried", text.byte_rate)
    plots.log_log(folder / "throughput.svg", lines, looks, "message", y_label, text.exact_size, form)
    return Section(title, [
        "Each at its own best way of waiting. Chappe and the bare ring pack the small messages into blocks.",
        *plots.link(folder / "throughput.svg", "Throughput by message size, both axes logarithmic"),
        *tables(samples, "message of", columns, lambda _: text.byte_rate, BASE),
    ])


def small_records(measured, folder):
    title = "Records of 32 bytes"
    records = measured.good("throughput", bytes=32)
    if not records:
        return not_measured(title, measured.of("throughput", bytes=32))
    samples = samples_of_fields(records, transport_of, ["messages_per_s"])
    section = Section(title, tables(samples, "", [("messages_per_s", "records")], lambda _: text.per_second, BASE))
    ours = measured.as_asked("throughput", transport="chappe", bytes=32)
    rates = [Sample(r.round, r.round_trip_ns, r.get("messages_per_s")) for r in ours if r.get("messages_per_s") is not None]
    section.verdicts += judge("chappe, 32 B", rates, Target(">=", 75e6, text.per_second, absolute=True))
    for pipe in ("pipe", "pipe-1M"):
        theirs = measured.as_asked("throughput", transport=pipe, bytes=32)
        section.verdicts += judge(f"chappe / {pipe}, 32 B", ratios(ours, theirs, "messages_per_s"), Target(">=", 30))
    return section


def rivals(measured, folder):
    title = "Against each rival"
    records = measured.good("throughput", bytes=4096)
    if not records:
        return not_measured(title, measured.of("throughput", bytes=4096))
    names = [name for name in in_order(r.transport for r in measured.good("throughput")) if name != "chappe"]
    samples = []
    for bytes_ in (4096, 32):
        ours = measured.good("throughput", transport="chappe", bytes=bytes_)
        for name in names:
            found = ratios(ours, measured.good("throughput", transport=name, bytes=bytes_), "bytes_per_s")
            samples += [Sample(s.round, s.round_trip_ns, s.value, name, bytes_) for s in found]
    section = Section(title, [
        "How many times as much Chappe carries, in the same round. Each rival waits in the way in which it carries most; the pipe stands there in two "
        "settings. The target against the best other middleware is met where it is met against each.",
        *tables(samples, "chappe /", [(4096, "4 KiB"), (32, "32 B")], lambda _: text.times, are_ratios=True),
    ])
    for name in MIDDLEWARE:
        ours, theirs = (measured.as_asked("throughput", transport=one, bytes=4096) for one in ("chappe", name))
        if theirs:
            section.verdicts += judge(f"chappe / {name}, 4 KiB", ratios(ours, theirs, "bytes_per_s"), Target(">=", 2))
    return section


def latency(measured, folder):
    title = "Latency"
    records = measured.good("latency")
    if not records:
        return not_measured(title, measured.of("latency"))
    section, absolute, relative = Section(title), {}, {}
    for wait, policy in in_order((r.get("wait"), r.get("policy")) for r in records):
        some = [r for r in records if (r.get("wait"), r.get("policy")) == (wait, policy)]
        name = f"{str(wait).replace('_', ' ')}, SCHED_{str(policy).upper()}"
        samples = samples_of_fields(some, transport_of, [field for field, _ in PERCENTILES])
        lines, is_relative = for_plot(samples, "chappe")
        if lines:
            (relative if is_relative else absolute)[name] = lines
        section.text += [f"### Consumer: {name}", *tables(samples, "", PERCENTILES, lambda _: text.time, BASE)]
    y_label, form = ("one way", text.time) if absolute else ("multiple of Chappe's", text.times)
    looks = plots.styles_of(in_order(r.transport for r in records), "chappe", "bare")
    plots.percentiles(folder / "latency.svg", absolute or relative, looks, PERCENTILES, y_label, form)
    section.text = [
        "Frames of 32 bytes, one way, at 100,000/s; the first tenth is dropped. A consumer spins, or spins and then sleeps, or sleeps at once."
        + (" The plot shows those with absolute figures alone." if absolute and relative else ""),
        *plots.link(folder / "latency.svg", "Latency by percentile, logarithmic"),
        *section.text,
        *wakes(measured),
    ]
    section.verdicts = latency_verdicts(measured)
    return section


def wakes(measured):
    title, records = "### A wake each millisecond", measured.good("wake")
    if not records:
        return [title, "Not measured."]
    samples = samples_of_fields(records, transport_of, [field for field, _ in PERCENTILES])
    about = "Producer and consumer both sleep; a frame of 32 bytes each millisecond."
    return [title, about, *tables(samples, "", PERCENTILES, lambda _: text.time, BASE)]


def latency_verdicts(measured):
    def of(name, wait, policy="other"):
        return measured.as_asked("latency", transport=name, wait=wait, policy=policy)

    rows = judge("spinning p50 / (half a round trip + one clock read)", over_the_limit(measured, of("chappe", "spin")), Target("<=", 2.5))
    for policy in ("other", "fifo"):
        ours, pipe = of("chappe", "sleep", policy), of("pipe", "sleep", policy)
        for field in ("p50_ns", "p99_ns"):
            if policy == "other" or (ours and pipe):
                what = f"sleeping {field[:3]} / pipe's, SCHED_{policy.upper()}"
                rows += judge(what, ratios(ours, pipe, field), Target("<=", 1.1))
    return rows + judge(
        "spin then sleep p50 / pipe's sleeping p50", ratios(of("chappe", "spin_then_sleep"), of("pipe", "sleep"), "p50_ns"), Target("<", 0.05)
    )


def over_the_limit(measured, records):
    """p50 as a multiple of the way of a cache line and one reading of the clock."""
    reads = {r.round: r.get("read_ns") for r in measured.good("clock") if r.get("read_ns") is not None}
    if not reads:
        return []
    usual = median(list(reads.values()))
    return [
        Sample(r.round, r.round_trip_ns, r.get("p50_ns") / (r.round_trip_ns / 2 + reads.get(r.round, usual)))
        for r in records
        if r.get("p50_ns") is not None
    ]


def cost(measured, folder):
    title = "Processor time and memory"
    records = measured.good("cost")
    if not records:
        return not_measured(title, measured.of("cost"))
    columns = [
        ("cpu_s_per_million", "CPU per million"),
        ("producer_cpu_s_per_million", "producer"),
        ("consumer_cpu_s_per_million", "consumer"),
        ("memory_bytes", "memory"),
    ]
    samples = samples_of_fields(records, transport_of, [field for field, _ in columns])
    ours, pipe = (measured.as_asked("cost", transport=name) for name in ("chappe", "pipe"))
    return Section(
        title,
        [
            "100 frames of 32 bytes each millisecond, the consumer sleeps. The rings pack the 100 frames of a tick into one block, with one bell; the others "
            "send 100 messages. Daemons are not counted.",
            *tables(samples, "", columns, lambda column: text.size if column == "memory_bytes" else text.seconds, BASE),
        ],
        judge("CPU per million, chappe / pipe", ratios(ours, pipe, "cpu_s_per_million"), Target("<=", 0.6)),
    )
