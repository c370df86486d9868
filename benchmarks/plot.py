#!/usr/bin/python3
"""Draws charts from the JSON files that the benchmark programs write with --json.

Every file gives the charts its measurements allow, named after it: run.json becomes run_throughput.png and so on.

  throughput   operations a second against the number of keys in the store
  latency      percentiles of single operations against the number of keys
  threads      operations a second against the number of threads
  compare      this store beside the other maps (benchmark_direct --compare)
  durability   acknowledged writes that survived, and that were lost, test by test
  peers        processor time a request of each server, for each workload (benchmark_peers), one panel for each size
               and persistence; at a fixed rate peers_tail shows the slowest of a thousand requests as well
"""

import argparse
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the back end has to be chosen first)
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator  # noqa: E402

COLOURS = ["#1f5fa8", "#d1632a", "#2e8b57", "#8e4fa8", "#b8a01f", "#5b6770"]
MARKERS = ["o", "s", "^", "D", "v", "P"]
PERCENTILES = [("p50_us", "p50"), ("p90_us", "p90"), ("p99_us", "p99"), ("p99.9_us", "p99.9")]
STYLE = {
    "figure.dpi": 130, "savefig.bbox": "tight", "font.size": 10, "axes.titlesize": 11, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": "#dddddd", "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "lines.linewidth": 1.8, "lines.markersize": 5.5,
}


class Unreadable(Exception):
    """A file that is no result of a benchmark; the text says why."""


# --- the data ------------------------------------------------------------------------------------------------------

def load(path):
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(results["results"], list) or "benchmark" not in results:
            raise KeyError("results")
    except (OSError, ValueError) as reason:
        raise Unreadable(f"{path}: {reason}") from reason
    except (KeyError, TypeError) as reason:
        raise Unreadable(f"{path}: not written by a benchmark program") from reason
    return results


def rows(results, measurement):
    return [row for row in results["results"] if row["measurement"] == measurement]


def values_of(table, column):
    """The different values of a column, in ascending order."""
    return sorted({row[column] for row in table})


def column(table, x, y, **wanted):
    """The points (x, y) of the rows that hold all of `wanted`, by ascending x."""
    points = sorted((row[x], row[y]) for row in table if all(row[name] == value for name, value in wanted.items()))
    return [point[0] for point in points], [point[1] for point in points]


# --- the axes ------------------------------------------------------------------------------------------------------

def short_number(value, _position=None):
    """1500 -> 1.5k, 2000000 -> 2M."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"


def short_time(us, _position=None):
    if us >= 1e6:
        return f"{us / 1e6:g} s"
    if us >= 1e3:
        return f"{us / 1e3:g} ms"
    return f"{us:g} µs" if us >= 1 else f"{us * 1e3:g} ns"


def keys_axis(axes, sizes):
    """A logarithmic axis of store sizes that has a place for 0."""
    smallest = min((size for size in sizes if size > 0), default=10)
    axes.set_xscale("symlog", linthresh=max(smallest / 10, 1), linscale=0.6)
    axes.set_xticks(sizes, [short_number(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("keys in the store")


def rate_axis(axes):
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(short_number))
    axes.set_ylabel("operations a second")


def line(axes, points, number, label):
    axes.plot(*points, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)], label=label)


def figure(results, title, panels=1, width=6.4, height=4.0, share_y=False, columns=4):
    across = min(panels, columns)
    down = -(-panels // across)
    drawing, axes = plt.subplots(down, across, squeeze=False, sharey=share_y, constrained_layout=True,
                                 figsize=(width * across * (1 if panels == 1 else 0.8), height * down))
    for unused in list(axes.flat)[panels:]:
        unused.set_visible(False)
    drawing.suptitle(title, fontsize=13, fontweight="bold")
    source = f"{results['processor']}, {results['cores']} cores · {results['date'][:10]} · {results['commit']}"
    drawing.supxlabel(source, fontsize=7.5, color="#666666")
    return drawing, list(axes.flat)[:panels]


def title_of(results, subject):
    names = {"benchmark_direct": "KeyValueStore in process", "benchmark_tcp": "Server over TCP",
             "benchmark_writes": "Writes as the store grows", "benchmark_durability": "kill -9 and restart",
             "benchmark_peers": "Servers side by side"}
    title = f"{names.get(results['benchmark'], results['benchmark'])}: {subject}"
    options = results["options"]
    if results["benchmark"] == "benchmark_tcp":
        how = f"{options['rate']:g}/s open loop" if options["rate"] else f"pipeline {options['pipeline']}"
        clients = "1 client" if options["clients"] == 1 else f"{options['clients']} clients"
        title += f" ({options['protocol']}, {clients}, {how})"
    return title


# --- the charts: each returns a figure, or None when the file has nothing for it --------------------------------------

def throughput(results):
    cells = rows(results, "throughput")
    series = []
    for operation in ("get", "set"):
        for threads in values_of(cells, "threads") if cells else []:
            label = f"{operation.upper()}, {threads} thread{'s' if threads > 1 else ''}"
            series.append((label, column(cells, "existing_keys", "per_second", operation=operation, threads=threads)))
    if not series:
        for measurement in ("write", "read"):
            table = rows(results, measurement)
            if table:
                series.append((f"{measurement}s", column(table, "existing_keys", "per_second")))
    if not series:
        return None
    drawing, (axes,) = figure(results, title_of(results, "throughput"))
    for number, (label, points) in enumerate(series):
        line(axes, points, number, label)
    keys_axis(axes, sorted({x for _, (xs, _) in series for x in xs}))
    if cells:  # the table runs after the single writes, over the keys those added too
        axes.set_xlabel(f"keys in the store, before {results['options']['operations']} more were written")
    rate_axis(axes)
    axes.legend()
    return drawing


def latency(results):
    tables = [(name, rows(results, name)) for name in ("write", "read")]
    tables = [(name, table) for name, table in tables if table]
    if not tables:
        return None
    drawing, panels = figure(results, title_of(results, "latency"), len(tables), share_y=True)
    for axes, (name, table) in zip(panels, tables):
        for number, (key, label) in enumerate(PERCENTILES):
            line(axes, column(table, "existing_keys", key), number, label)
        operations = table[0]["operations"]
        axes.set_title(f"{name}s, {operations} at each size")
        keys_axis(axes, values_of(table, "existing_keys"))
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(short_time))
        axes.yaxis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("time of one operation")
    panels[-1].legend()
    return drawing


def threads(results):
    cells = rows(results, "throughput")
    counts = values_of(cells, "threads")
    if len(counts) < 2:
        return None
    drawing, panels = figure(results, title_of(results, "threads"), 2, share_y=True)
    for axes, operation in zip(panels, ("get", "set")):
        for number, size in enumerate(values_of(cells, "existing_keys")):
            points = column(cells, "threads", "per_second", operation=operation, existing_keys=size)
            line(axes, points, number, f"{short_number(size)} keys")
        axes.set_title(operation.upper())
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("threads")
        rate_axis(axes)
    panels[1].set_ylabel("")
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return drawing


def bars(axes, groups, stores, height_of, label_format, colours=COLOURS):
    width = 0.8 / len(stores)
    for number, store in enumerate(stores):
        positions = [group + (number - (len(stores) - 1) / 2) * width for group in range(len(groups))]
        heights = [height_of(group, store) for group in groups]
        drawn = axes.bar(positions, heights, width * 0.92, color=colours[number % len(colours)], label=store)
        axes.bar_label(drawn, [label_format(height) for height in heights], fontsize=7.5, padding=1)
    axes.grid(axis="x", visible=False)


def compare(results):
    table = rows(results, "compare")
    if not table:
        return None
    size = max(values_of(table, "existing_keys"))
    table = [row for row in table if row["existing_keys"] == size]
    memory = [row for row in rows(results, "compare_memory") if row["existing_keys"] == size]
    stores = list(dict.fromkeys(row["store"] for row in table))
    groups = list(dict.fromkeys((row["operation"], row["threads"]) for row in table))
    found = {(row["operation"], row["threads"], row["store"]): row["processor_ns"] for row in table}
    drawing, panels = figure(results, f"{short_number(size)} keys in one process (less is better)", 2 if memory else 1, width=7.2)
    bars(panels[0], groups, stores, lambda group, store: found[(*group, store)], lambda value: f"{value:.0f}")
    names = [f"{operation}\n{count} thread{'s' if count > 1 else ''}" for operation, count in groups]
    panels[0].set_xticks(range(len(groups)), names)
    panels[0].set_ylabel("processor time an operation (ns)")
    panels[0].margins(y=0.12)
    panels[0].legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncol=len(stores))
    if memory:
        resident = {row["store"]: row["bytes_per_key"] for row in memory}
        drawn = panels[1].bar(range(len(stores)), [resident[store] for store in stores], 0.6,
                              color=COLOURS[:len(stores)])
        panels[1].bar_label(drawn, fmt="%.0f", padding=1)
        panels[1].set_xticks(range(len(stores)), [store.replace("::", "::\n") for store in stores], fontsize=8)
        panels[1].set_ylabel("resident memory a key (bytes)")
        panels[1].margins(y=0.12)
        panels[1].grid(axis="x", visible=False)
    return drawing


def durability(results):
    table = rows(results, "durability")
    if not table:
        return None
    mode = results["options"]["durability"]
    drawing, (axes,) = figure(results, title_of(results, f"acknowledged writes ({mode})"))
    tests = [row["test"] for row in table]
    persisted = [row["persisted"] for row in table]
    axes.bar(tests, persisted, color=COLOURS[0], label="persisted")
    axes.bar(tests, [row["lost"] for row in table], bottom=persisted, color=COLOURS[1], label="lost")
    axes.set_xlabel("test")
    axes.set_ylabel("writes answered with OK")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.2)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper right", ncol=2)
    return drawing


def peers_figure(results, table, subject, value, label, label_format):
    """Bars of one column of the table: a panel a workload, a group an operation, a bar a server."""
    panels = list(dict.fromkeys((row["durability"], row["keys"], row["value_bytes"]) for row in table))
    servers = list(dict.fromkeys(row["server"] for row in table))
    drawing, axes_of = figure(results, title_of(results, subject), len(panels),
                              width=7.2 if len(panels) == 1 else 5.6,
                              columns=3)
    for axes, panel in zip(axes_of, panels):
        here = [row for row in table if (row["durability"], row["keys"], row["value_bytes"]) == panel]
        groups = list(dict.fromkeys((row["operation"], row["pipeline"], row["rate"]) for row in here))
        shown = [server for server in servers if any(row["server"] == server for row in here)]
        found = {(row["operation"], row["pipeline"], row["rate"], row["server"]): row[value] for row in here}
        bars(axes, groups, shown, lambda group, server: found[(*group, server)], label_format,
             [COLOURS[servers.index(server) % len(COLOURS)] for server in shown])
        names = [f"{operation.upper()}\npipeline {pipeline}" + (f"\n{short_number(round(rate))}/s" if rate else "")
                 for operation, pipeline, rate in groups]
        axes.set_xticks(range(len(groups)), names, fontsize=8)
        axes.set_title(f"{short_number(panel[1])} keys, {panel[2]}-byte values, persistence {panel[0]}", fontsize=9)
        axes.margins(y=0.12)
    axes_of[0].set_ylabel(label)
    axes_of[0].legend(fontsize=8)
    return drawing


def peers(results):
    table = rows(results, "peers")
    if not table:
        return None
    return peers_figure(results, table, "processor time a request (less is better)", "server_processor_us",
                        "user and kernel time of the server (µs)", lambda height: f"{height:.2f}")


def peers_tail(results):
    table = [row for row in rows(results, "peers") if row["rate"]]
    if not table:
        return None
    return peers_figure(results, table, "99.9 % at a fixed rate (less is better)", "p99.9_us",
                        "99.9 % were answered within (µs)", lambda height: f"{height:.0f}")


CHARTS = {"throughput": throughput, "latency": latency, "threads": threads, "compare": compare,
          "durability": durability, "peers": peers, "peers_tail": peers_tail}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path, metavar="FILE", help="a JSON file of a benchmark")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("."), metavar="FOLDER",
                        help="where the charts go (default: here)")
    parser.add_argument("--format", choices=["png", "svg"], default="png")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(STYLE)
    for path in options.files:
        results = load(path)
        for name, draw in CHARTS.items():
            drawing = draw(results)
            if drawing is None:
                continue
            target = options.output / f"{path.stem}_{name}.{options.format}"
            drawing.savefig(target)
            plt.close(drawing)
            print(target)


if __name__ == "__main__":
    try:
        main()
    except (Unreadable, OSError) as failure:
        sys.exit(f"plot.py: {failure}")
