#!/usr/bin/python3
"""References of a window's analysis, by numpy and scipy: reads a request, prints the results, both JSON. Nothing here shares a formula with
the product but by name. Exit 77: numpy or scipy is not there.

  values     a file of f64, frame by frame; or `recording`, a file that has its description beside it, FILE.json, and is saved as `values`
  channels   how many
  wants      moments: true; quantiles: levels; histogram: bins; covariance: true; ewma: {period, tau};
             welch: {rate, length, overlap (values), window, bands: [[low, high]]}
"""
import json
import sys

try:
    import numpy as np
    from scipy import signal, stats
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


def columns_of_recording(path):
    with open(path + ".json", encoding="utf-8") as file:
        about = json.load(file)
    layout = about["format"].get("layout", "")
    channels = len(about["channels"])
    if path.endswith(".csv"):
        has_time = about["format"]["time_column"] is not None
        values = np.genfromtxt(path, delimiter=",", skip_header=about["format"]["header_lines"],
                               usecols=range(1 if has_time else 0, channels + (1 if has_time else 0)), converters=None, encoding="utf-8")
        values = values.reshape(-1, channels)
    elif path.endswith(".wav"):
        with open(path, "rb") as file:
            data = file.read()
        at = data.index(b"data") + 8
        values = np.frombuffer(data[at:at + (len(data) - at) // (2 * channels) * 2 * channels], dtype="<i2").reshape(-1, channels)
    else:
        values = np.fromfile(path, dtype="<i2" if layout.startswith("interleaved int16") else "<f8").reshape(-1, channels)
    return values.astype("f8"), about


def number(value):
    return float(value) if np.isfinite(value) else None


def numbers(array):
    return [numbers(row) for row in array] if getattr(array, "ndim", 1) > 1 else [number(value) for value in array]


def moments(x):
    """Of the values, about their first where the distances from it are exact: of an offset nothing is left in the reference."""
    y = x - x[0] if ((x - x[0]) + x[0] == x).all() else x
    runs = np.diff(np.flatnonzero(np.concatenate(([True], x[1:] != x[:-1], [True]))))
    signs = np.sign(x[x != 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"count": int(x.size), "mean": number(np.longdouble(x[0] if y is not x else 0) + y.mean()), "variance": number(y.var(ddof=1)),
                "skewness": number(stats.skew(y)), "kurtosis": number(stats.kurtosis(y, fisher=False)), "min": number(x.min()),
                "max": number(x.max()), "rms": number(np.sqrt(np.mean(x.astype(np.longdouble) ** 2))),
                "zero_crossings": int((signs[1:] != signs[:-1]).sum()), "flat": int(runs.max())}


def of_channel(x, wants):
    out = {}
    finite = x[~np.isnan(x)]
    if wants.get("moments") and finite.size > 1:
        out["moments"] = moments(finite)
        out["at_min"], out["at_max"] = int(np.nanargmin(x)), int(np.nanargmax(x))
        out["has_nan"] = bool(finite.size < x.size)
    if "quantiles" in wants:
        levels = wants["quantiles"]
        out["quantiles"] = numbers(np.quantile(finite, levels)) if finite.size else [None] * len(levels)
        out["lower"] = numbers(np.quantile(finite, levels, method="lower")) if finite.size else [None] * len(levels)
    if "histogram" in wants and finite.size:
        out["histogram"] = [int(n) for n in np.histogram(finite, wants["histogram"], (finite.min(), finite.max()))[0]]
    if "ewma" in wants:
        a = -np.expm1(-wants["ewma"]["period"] / wants["ewma"]["tau"])
        zi = [finite[0] * (1 - a)]
        out["ewma"] = number(signal.lfilter([a], [1, a - 1], finite, zi=zi)[0][-1])
    if "welch" in wants:
        w = wants["welch"]
        f, p = signal.welch(x, w["rate"], window="boxcar" if w["window"] == "rect" else w["window"], nperseg=w["length"],
                            noverlap=w["overlap"], detrend="constant", scaling="density")
        out["density"] = numbers(p)
        out["bands"] = [number(p[(f >= low) & (f < high)].sum() * (f[1] - f[0])) for low, high in w.get("bands", [])]
        out["strongest_hz"] = number(f[1 + np.argmax(p[1:])]) if np.isfinite(p).all() else None
    return out


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    result = {}
    if "recording" in request:
        values, about = columns_of_recording(request["recording"])
        values.tofile(request["values"])
        result["names"] = [channel["name"] for channel in about["channels"]]
        result["about"] = {key: about[key] for key in about if key not in ("windows", "whole", "provenance", "crosscheck")}
    else:
        values = np.fromfile(request["values"], dtype="<f8").reshape(-1, request["channels"])
    result["frames"], wants = len(values), request.get("wants", {})
    result["channels"] = [of_channel(column, wants) for column in np.ascontiguousarray(values.T)]
    if wants.get("covariance"):
        # In long double about the mean: of the doubles' own error nothing is left in the reference.
        complete = values[np.isfinite(values).all(axis=1)].astype(np.longdouble)
        centred = complete - complete.mean(axis=0)
        covariance = (centred.T @ centred) / (len(complete) - 1)
        deviation = np.sqrt(np.diag(covariance))
        with np.errstate(divide="ignore", invalid="ignore"):
            result["correlation"] = numbers((covariance / np.outer(deviation, deviation)).astype("f8"))
        result["covariance"], result["complete"] = numbers(covariance.astype("f8")), len(complete)
    json.dump(result, sys.stdout)


main()
