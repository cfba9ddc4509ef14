"""The kernel of the moments, and the three processes together."""
from performance import plots, text
from performance.grid import for_plot, in_order, samples_by, samples_of_fields, tables
from performance.records import Sample, median, ratios
from performance.text import Section, Target, judge, not_measured

READ = ("read", "the bare read's")
MIB = 1024 * 1024


def channels_of(record):
    return record.get("channels")


def kernel(measured, folder):
    title = "The kernel of the moments"
    records = measured.good("kernel")
    if not records:
        return not_measured(title, measured.of("kernel"))
    samples = samples_by(records, lambda r: r.transport, channels_of, "samples_per_s")
    channels = sorted({r.get("channels") for r in records})
    lines, is_relative = for_plot(samples, READ[0])
    looks = plots.styles_of(in_order(r.transport for r in records), "moments", "read")
    y_label, form = ("multiple of the bare read's", text.times) if is_relative else ("f32 samples", text.per_second)
    plots.log_log(folder / "kernel.svg", lines, looks, "channels", y_label, lambda c: f"{c:,}", form)
    return Section(
        title,
        [
            "Count, mean, variance, minimum and maximum of each channel over blocks of 16 KiB of f32, in one thread, by channels. `read` only adds up what it "
            "reads; `plain` is the plain loop, `colwise` Eigen's calls, `welford` the update by each sample in double; `careful` reads what the fast "
            "one cannot take, NaN and infinity among it; `moments_and_merge` adds the merge into the window.",
            *plots.link(folder / "kernel.svg", "Samples a second by channels, both axes logarithmic"),
            *tables(samples, "channels", [(c, f"{c:,}") for c in channels], lambda _: text.per_second, READ),
        ],
        kernel_verdicts(measured, channels),
    )


def kernel_verdicts(measured, channels):
    rows = []
    for rival, least in (("read", 0.35), ("colwise", 5), ("welford", 3)):
        for number in (c for c in channels if 16 <= c <= 64):
            ours, theirs = (measured.as_asked("kernel", transport=name, channels=number) for name in ("moments", rival))
            rows += judge(f"moments / {rival}, {text.plural(number, 'channel')}", ratios(ours, theirs, "samples_per_s"), Target(">=", least))
    for name in ("moments", "moments_and_merge"):
        spread = dearest_over_cheapest(measured.as_asked("kernel", transport=name))
        rows += judge(f"{name}, dearest / cheapest sample, 16 to 1,024 channels", spread, Target("<=", 1.25))
    return rows


def dearest_over_cheapest(records):
    """Of each round that has both ends, in one placement."""
    samples = []
    some = [r for r in records if 16 <= r.get("channels") <= 1024]
    for first in (r for r in some if r.get("channels") == 16):
        same = [r for r in some if r.round == first.round]
        factors = [s.value for s in ratios([first], same, "samples_per_s")]
        if len(factors) == len({r.get("channels") for r in some}):
            samples.append(Sample(first.round, first.round_trip_ns, max(factors) / min(factors)))
    return samples


def end_to_end(measured, folder):
    title = "The pipeline end to end"
    records = measured.good("pipeline")
    if not records:
        return not_measured(title, measured.of("pipeline"))
    blocks = sorted({r.get("block_bytes") for r in records})
    samples = samples_by(sorted(records, key=channels_of), channels_of, lambda r: r.get("block_bytes"), "samples_per_s")
    section = Section(title, [
        "From a memory source, which fills every byte anew, through queue, ring and moments to the board: f32 samples, none lost.",
        *tables(samples, "channels, by blocks of", [(b, text.exact_size(b)) for b in blocks], lambda _: text.per_second),
    ])
    for channels, least in ((64, 1.5e9), (4, 5e8)):
        block, best = best_block(measured.as_asked("pipeline", channels=channels))
        what = f"{channels} channels" + (f", blocks of {text.exact_size(block)}, the best" if block else "")
        section.verdicts += judge(what, best, Target(">=", least, text.per_second, absolute=True))
    return section


def best_block(records):
    """The size of block with the highest median, and its samples; (None, []) of none."""
    by_block = {}
    for r in records:
        by_block.setdefault(r.get("block_bytes"), []).append(Sample(r.round, r.round_trip_ns, r.get("samples_per_s")))
    return max(by_block.items(), key=lambda item: median([s.value for s in item[1]]), default=(None, []))


def processor(measured, folder):
    title = "Processor and memory of the three processes"
    records = measured.good("cpu")
    if not records:
        return not_measured(title, measured.of("cpu"))
    columns = [("cpu_percent", "of one core"), ("pss_bytes", "memory (Pss)")]
    rows = sorted(records, key=lambda r: r.get("samples_per_s"))
    samples = samples_of_fields(rows, lambda r: r.get("samples_per_s"), [field for field, _ in columns])
    section = Section(title, [
        "In sum over the three, by the samples a second that the source gives; the ring's own memory is not counted.",
        *tables(samples, "samples", columns, lambda column: text.size if column == "pss_bytes" else text.percent, label=lambda rate: text.bare(text.per_second(rate))),
    ])
    asked = measured.as_asked("cpu", samples_per_s=100_000)
    for field, what, target in (
        ("cpu_percent", "of one core at 100 k/s", Target("<", 3, text.percent, absolute=True)),
        ("pss_bytes", "memory at 100 k/s", Target("<", 24 * MIB, text.size, absolute=True)),
    ):
        section.verdicts += judge(what, [Sample(r.round, r.round_trip_ns, r.get(field)) for r in asked], target)
    return section


def what_of(record):
    return record.get("what") or record.transport


def scaling(measured, folder):
    title = "Cost against streams, channels, viewers and gates"
    records = measured.good("scaling")
    if not records:
        return not_measured(title, measured.of("scaling"))
    section = Section(title, ["Share of one core."])
    columns = [("producer_cpu_percent", "producer"), ("aggregator_cpu_percent", "aggregator")]
    for what in in_order(what_of(r) for r in records):
        some = sorted((r for r in records if what_of(r) == what), key=lambda r: r.get("count"))
        samples = samples_of_fields(some, lambda r: r.get("count"), [field for field, _ in columns])
        base = (some[0].get("count"), f"that of {some[0].get('count'):,}")
        section.text += [f"### By {text.plain(what)}", *tables(samples, text.plain(what), columns, lambda _: text.percent, base, lambda number: f"{number:,}")]
    return section


def hops(measured, folder):
    title = "Latency of each hop"
    records = measured.good("hops")
    if not records:
        return not_measured(title, measured.of("hops"))
    columns = [("p50_ns", "p50"), ("p99_ns", "p99"), ("max_ns", "max")]
    samples = samples_of_fields(records, lambda r: r.get("hop") or r.transport, [field for field, _ in columns])
    return Section(title, tables(samples, "hop", columns, lambda _: text.time))
