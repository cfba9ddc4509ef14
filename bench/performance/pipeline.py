"""The kernel of the moments, and the pipeline from memory to the board."""
from performance import plots, text
from performance.grid import for_plot, in_order, samples_by, samples_of_fields, tables
from performance.records import RULES, Sample, median, ratios
from performance.text import Section, Target, judge, not_measured

BASE = (64, "that of 64 channels")
ONE_THREAD = RULES["kernel"]


def channels_of(record):
    return record.get("channels")


def kernel(measured, folder):
    title = "The kernel of the moments"
    records = measured.good("kernel")
    if not records:
        return not_measured(title, measured.of("kernel"))
    samples = samples_by(records, lambda r: r.transport, channels_of, "samples_per_s")
    channels = sorted({r.get("channels") for r in records})
    lines, _ = for_plot(samples, "read", ONE_THREAD)
    looks = plots.styles_of(in_order(r.transport for r in records), "moments", "read")
    plots.log_log(folder / "kernel.svg", lines, looks, "channels", "f32 samples", lambda c: f"{c:,}", text.per_second)
    return Section(
        title,
        [
            "Count, mean, variance, minimum and maximum of each channel over blocks of 16 KiB of f32, in one thread, by channels. `read` only adds up what it "
            "reads; `plain` is the plain loop, `colwise` Eigen's calls, `welford` the update by each sample in double; `careful` reads what the fast "
            "one cannot take, NaN and infinity among it; `moments_and_merge` adds the merge into the window.",
            *plots.link(folder / "kernel.svg", "Samples a second by channels, both axes logarithmic"),
            *tables(samples, "channels", [(c, f"{c:,}") for c in channels], lambda _: text.per_second, rule=ONE_THREAD),
        ],
        kernel_verdicts(measured, channels),
    )


def kernel_verdicts(measured, channels):
    rows = []
    for rival, least in (("read", 0.35), ("colwise", 5), ("welford", 3)):
        for number in (c for c in channels if 16 <= c <= 64):
            ours, theirs = (measured.as_asked("kernel", transport=name, channels=number) for name in ("moments", rival))
            found = ratios(ours, theirs, "samples_per_s", ONE_THREAD)
            rows += judge(f"moments / {rival}, {text.plural(number, 'channel')}", found, Target(">=", least), ONE_THREAD)
    for name in ("moments", "moments_and_merge"):
        spread = dearest_over_cheapest(measured.as_asked("kernel", transport=name))
        rows += judge(f"{name}, dearest / cheapest sample, 16 to 1,024 channels", spread, Target("<=", 1.25), ONE_THREAD)
    return rows


def dearest_over_cheapest(records):
    """Of each round that has them all."""
    samples = []
    some = [r for r in records if 16 <= r.get("channels") <= 1024]
    for first in (r for r in some if r.get("channels") == 16):
        same = [r for r in some if r.round == first.round]
        factors = [s.value for s in ratios([first], same, "samples_per_s", ONE_THREAD)]
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
        *tables(samples, "channels, by blocks of", [(b, text.exact_size(b)) for b in blocks], lambda _: text.per_second, BASE, lambda c: f"{c:,}"),
        *cost_of_samples(records),
    ])
    for channels, least in ((64, 1.5e9), (4, 5e8)):
        block, best = best_block(measured.as_asked("pipeline", channels=channels))
        what = f"pipeline, {channels} channels" + (f", blocks of {text.exact_size(block)}, the best" if block else "")
        section.verdicts += judge(what, best, Target(">=", least, text.per_second, absolute=True))
    return section


def cost_of_samples(records):
    columns = [("producer_cpu_s_per_gigasample", "producer"), ("aggregator_cpu_s_per_gigasample", "aggregator")]
    rows = sorted(records, key=lambda r: (r.get("block_bytes"), r.get("channels")))

    def row_of(record):
        return f"{text.exact_size(record.get('block_bytes'))}, {record.get('channels'):,} channel{'s' if record.get('channels') != 1 else ''}"

    samples = samples_of_fields(rows, row_of, [field for field, _ in columns])
    base = ("16 KiB, 64 channels", "that of 64 channels in blocks of 16 KiB")
    return ["Processor time of each billion of samples:", *tables(samples, "blocks of", columns, lambda _: text.seconds, base)] if samples else []


def best_block(records):
    """The size of block with the highest median, and its samples; (None, []) of none."""
    by_block = {}
    for r in records:
        by_block.setdefault(r.get("block_bytes"), []).append(Sample(r.round, r.round_trip_ns, r.get("samples_per_s")))
    return max(by_block.items(), key=lambda item: median([s.value for s in item[1]]), default=(None, []))
