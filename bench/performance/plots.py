"""The plots, as SVG: the same bytes from the same figures."""
import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker  # noqa: E402  after the backend is chosen

from performance.text import bare  # noqa: E402

CHAPPE = {"color": "#D55E00", "linewidth": 3.2, "marker": "o", "markersize": 6, "zorder": 5}
LIMIT = {"color": "#000000", "linestyle": "--", "marker": "x"}
# Okabe and Ito's colours, which the colour-blind tell apart; marker and dash tell too.
OTHERS = [
    {"color": color, "linestyle": dash, "marker": marker}
    for dash, marker in (("-", "s"), ("--", "^"), ("-.", "v"))
    for color in ("#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9")
]
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "chappe",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
}


def styles_of(names, ours, limit):
    """A look for each line: ours stands out, the limit is black and dashed."""
    others = [name for name in names if name not in (ours, limit)]
    looks = {name: OTHERS[number % len(OTHERS)] for number, name in enumerate(others)}
    return looks | {ours: CHAPPE, limit: LIMIT}


def figure(width, height, rows=1, columns=1):
    matplotlib.rcParams.update(SETTINGS)
    return pyplot.subplots(rows, columns, figsize=(width, height), squeeze=False, sharey=True)


def link(path, about):
    """Paragraphs of the page: the plot, if there is one."""
    return [f"![{about}]({path.parent.name}/{path.name})"] if path.exists() else []


def save(plot, path):
    plot.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    pyplot.close(plot)


def scale_axis(axis, ticks, labels):
    axis.set_major_locator(ticker.FixedLocator(ticks))
    axis.set_minor_locator(ticker.NullLocator())
    axis.set_ticklabels(labels)


def log_log(path, lines, looks, x_label, y_label, form_x, form_y):
    """lines: {name: {x: y}}; without any there is no plot."""
    if not lines:
        return
    plot, [[axes]] = figure(8, 5)
    for name, line in lines.items():
        xs = sorted(line)
        axes.plot(xs, [line[x] for x in xs], label=name, **looks[name])
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({x for line in lines.values() for x in line})
    scale_axis(axes.xaxis, ticks, [form_x(x) for x in ticks])
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: bare(form_y(y))))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save(plot, path)


def percentiles(path, panels, looks, columns, y_label, form_y):
    """panels: {title: {name: {column: y}}}, side by side; columns: (key, heading). Without panels there is no plot."""
    if not panels:
        return
    plot, [row] = figure(4 * len(panels), 4.6, columns=len(panels))
    for axes, (title, lines) in zip(row, panels.items()):
        for name, line in lines.items():
            places = [place for place, (key, _) in enumerate(columns) if key in line]
            axes.plot(places, [line[columns[place][0]] for place in places], label=name, **looks[name])
        axes.set_yscale("log")
        axes.set_title(title, fontsize=10)
        scale_axis(axes.xaxis, range(len(columns)), [heading for _, heading in columns])
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda y, _: bare(form_y(y))))
    row[0].set_ylabel(y_label)
    handles = {label: handle for axes in row for handle, label in zip(*axes.get_legend_handles_labels())}
    row[-1].legend(handles.values(), handles.keys(), loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    save(plot, path)
