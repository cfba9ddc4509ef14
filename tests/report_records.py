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
    for channels in (4, 16, 64, 1024):
        for name, rate in (("read", 20e9), ("colwise", 1e9), ("welford", 4e9), ("moments", 8e9), ("moments_and_merge", 8e9 - 3e6 * channels)):
            add("kernel", name, channels=channels, samples_per_s=rate)
    for channels, rate in ((4, 6e8), (64, 1e9)):
        add("pipeline", "chappe", channels=channels, block_bytes=4096, samples_per_s=rate / 2)
        add("pipeline", "chappe", channels=channels, block_bytes=16384, samples_per_s=rate)
    add("cpu", "chappe", rounds=ROUNDS[:3], samples_per_s=100000, cpu_percent=2.5, pss_bytes=20 << 20)
    for count in (1, 16):
        add("scaling", "chappe", what="viewers", count=count, producer_cpu_percent=1.5, aggregator_cpu_percent=count)
    add("hops", "chappe", kept=False, hop="source to ring", p50_ns=1000, p99_ns=2000, max_ns=3000)


transports()
the_rest()
print(json.dumps({"machine": "made up", "commit": "abc", "kernel": "none", "cpus": 2, "load": 0.5, "host": "here", "measured": "never", "records": records}))
