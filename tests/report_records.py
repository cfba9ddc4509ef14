"""Prints made-up JSON of chappe-bench --full: every test, round figures, and verdicts that are known beforehand.

Seven rounds at 100 ns, and two at 400 ns that a verdict must not be built on.
"""
import json

ROUNDS = [(number, 100) for number in range(7)] + [(number, 400) for number in (7, 8)]
records = []


def add(test, transport, kept=True, end="good", rounds=ROUNDS, **fields):
    for number, trip in rounds:
        records.append({"test": test, "transport": transport, "round": number, "round_trip_ns": trip, "kept": kept, "end": end, **fields})


def transports():
    for name, rate in (("bare", 20e9), ("chappe", 19e9)):
        add("ring", name, bytes=16384, bytes_per_s=rate)
        add("ring", name, bytes=4096, bytes_per_s=rate / 2 if name == "bare" else rate / 4)
    for name, factor in (("bare", 1.1), ("chappe", 1), ("pipe", 0.01), ("boost", 0.25)):
        for size in (32, 4096):
            add("throughput", name, bytes=size, bytes_per_s=factor * size * 1e8, messages_per_s=factor * 1e8)
        for wait, p50 in (("spin", 150), ("spin_then_sleep", 200), ("sleep", 10000)):
            delays = {"p50_ns": p50 / factor, "p90_ns": 2 * p50, "p99_ns": 4 * p50, "p99_9_ns": 8 * p50, "max_ns": None}
            add("latency", name, bytes=32, wait=wait, policy="other", **delays)
        add("cost", name, bytes=32, cpu_s_per_million=1 / factor, memory_bytes=1e6)
    add("throughput", "zeromq", end="skipped", bytes=4096, trouble="not installed: apt | install")
    add("latency", "pipe", bytes=32, wait="sleep", policy="fifo", p50_ns=1, p99_ns=1, trouble="the kernel refused SCHED_FIFO")


def the_rest():
    add("round_trip", "cache_line", trip_ns=100)
    add("clock", "monotonic", read_ns=25)
    add("host_gaps", "cpu0", lost_share=0.01, longest_gap_ns=1e6)


def the_programs():
    """Those that are kept always have rounds at 400 ns too, and three are enough for most."""
    for channels in (4, 16, 64, 1024):
        for name, rate in (("read", 20e9), ("colwise", 1e9), ("welford", 4e9), ("moments", 8e9), ("moments_and_merge", 8e9 - 3e6 * channels)):
            add("kernel", f"{name},channels={channels}", rounds=ROUNDS[-5:], channels=float(channels), samples_per_s=rate)
    for channels, rate in ((4, 6e8), (64, 1e9)):
        for size, part in ((4096, 2), (16384, 1)):
            costs = {"producer_cpu_s_per_gigasample": part, "aggregator_cpu_s_per_gigasample": 0.5 * part}
            add("pipeline", f"channels={channels}", bytes=size, channels=float(channels), block_bytes=float(size), samples_per_s=rate / part, **costs)
    for rate in (100000, 1000000):
        shares = {"cpu_percent": rate / 40000, "producer_cpu_percent": 1, "aggregator_cpu_percent": 1, "display_cpu_percent": 0.5}
        add("cpu", f"rate={rate}", rounds=ROUNDS[-3:], samples_per_s=rate - 1.5, pss_bytes=20 << 20, lost_frames=0, **shares)
    for what in ("streams", "channels", "viewers"):
        for count in (1, 16):
            spent = {"producer_cpu_percent": 1.5, "aggregator_cpu_percent": count, "viewers_cpu_percent": 0}
            add("scaling", f"{what}={count}", rounds=ROUNDS[:3], streams=1, channels=16, viewers=0, samples_per_s=1e6, lost_frames=0, **spent)
    add("scaling", "gates=1", rounds=ROUNDS[:1], end="skipped", trouble="there is one")
    add("scaling", "scrape", rounds=ROUNDS[:3], channels=1420.0, series=10000, bytes=1 << 20, duration_ns=1e7, max_duration_ns=2e7, aggregator_cpu_ns=8e6)
    for name in ("feed_cycle", "drain_cycle"):
        add("hops", f"{name},rate=100000", rounds=ROUNDS[:2], mean_ns=900, p50_ns=1024, p99_ns=2048, max_ns=3000)
    for count, calls, instructions in ((0, 5, 10000), (16, 5.2, 10150)):
        add("viewers", f"calls,viewers={count}", rounds=ROUNDS[-3:], viewers=count, system_calls_per_block=calls)
        fields = {"do_work_instructions_per_block": instructions, "commit_instructions_per_block": 700}
        add("viewers", f"instructions,viewers={count}", rounds=ROUNDS[-3:], viewers=count, **fields)


transports()
the_rest()
the_programs()
print(json.dumps({"machine": "made up", "commit": "abc", "kernel": "none", "cpus": 2, "load": 0.5, "host": "here", "measured": "never", "records": records}))
