#!/usr/bin/python3
"""calibration.py CONFIG RECORDING: the first stream's calibration and derived channels of a configuration, applied by numpy to a CSV
recording with its time in seconds in the first column. Writes f64, frame by frame, to the standard output. Nothing here shares a formula
with the product but by name. Exit 77: numpy is not there.
"""
import sys
import tomllib

try:
    import numpy as np
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


def read(path):
    with open(path, encoding="utf-8") as file:
        names = [cell.rsplit(" (", 1)[0].strip() for cell in file.readline().split(",")]
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    return names[1:], np.rint(table[:, 0] * 1e9), table[:, 1:]


def calibrate(values, names, entry):
    at = [names.index(name) for name in entry["channels"]]
    x = values[:, at] * entry.get("scale", 1.0) + entry.get("offset", 0.0)
    if "polynomial" in entry:
        c = [float(number) for number in entry["polynomial"]]
        y = np.full_like(x, c[-1])
        for lower in reversed(c[:-1]):
            y = y * x + lower
        x = y
    if "matrix" in entry:
        rows = []
        for row in entry["matrix"]:
            total = np.zeros(len(x))
            for j, coefficient in enumerate(row):
                total = total + float(coefficient) * x[:, j] if coefficient else total
            rows.append(total)
        x = np.stack(rows, axis=1)
    values[:, at] = x + np.array(entry.get("bias", [0.0] * len(at)), dtype="f8")


def derive(values, names, times_ns, entry):
    kind = next(key for key in entry if key not in ("name", "unit"))
    x = [values[:, names.index(name)] for name in entry[kind]]
    if kind == "magnitude":
        total = x[0] * x[0]
        for more in x[1:]:
            total = total + more * more
        return np.sqrt(total)
    if kind == "sum":
        total = x[0]
        for more in x[1:]:
            total = total + more
        return total
    if kind == "difference":
        return x[0] - x[1]
    if kind == "ratio":
        return x[0] / x[1]
    step = np.diff(times_ns)
    slope = np.where(step > 0, np.diff(x[0]) / (np.where(step > 0, step, 1.0) / 1e9), np.nan)
    return np.concatenate([[np.nan], slope])


def main():
    with open(sys.argv[1], "rb") as file:
        stream = tomllib.load(file)["stream"][0]
    names, times_ns, values = read(sys.argv[2])
    for entry in stream.get("calibration", []):
        calibrate(values, names, entry)
    for entry in stream.get("derived", []):
        values = np.column_stack([values, derive(values, names, times_ns, entry)])
        names.append(entry["name"])
    sys.stdout.buffer.write(np.ascontiguousarray(values, dtype="<f8").tobytes())


main()
