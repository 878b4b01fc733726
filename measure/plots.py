# SPDX-License-Identifier: GPL-2.0-only
# Draws by gnuplot, as SVG for light and dark pages: a figure is a table, with one column for each peer, and how to draw it.
# Usage: import plots (by measure/report, measure/readme)
import re
import subprocess

# One colour a kernel, in every figure, that can be seen on white and on black: stock warm, patched cool.
COLOURS = {
    "6.1-stock": "#d6303a", "6.12-stock": "#e8731a", "7.3-stock": "#c29a00",
    "6.1-patched": "#2f80d0", "6.12-patched": "#12a39a", "7.3-patched": "#5fa22f", "host": "#9166d6",
}
MORE_COLOURS = ["#c2569b", "#7a7a7a", "#8c6d4f"]
# Where a logarithmic axis has its zero.
ZERO = 0.3


class Figure:
    """rows: (x, value of each peer in the order of names, None where there is none); kind:
    bars, lines, counts (a histogram) or growth (over a number that doubles)."""

    def __init__(self, title, caption, kind, names, rows, xlabel="", ylabel="", log="y"):
        self.title, self.caption, self.kind, self.log = title, caption, kind, log
        self.names = [name for i, name in enumerate(names) if any(row[1][i] is not None for row in rows)]
        keep = [names.index(name) for name in self.names]
        self.rows = [(x, [values[i] for i in keep]) for x, values in rows if any(values[i] is not None for i in keep)]
        self.xlabel, self.ylabel = xlabel, ylabel


def colour(name):
    if name in COLOURS:
        return COLOURS[name]
    return MORE_COLOURS[sum(name.encode()) % len(MORE_COLOURS)]


def cell(value, log):
    """A number as gnuplot takes it: 0 has a place of its own on a logarithmic axis, and signs have none."""
    if value is None:
        return "?"
    return str(max(abs(value), ZERO) if log else value)


def quoted(text):
    """As gnuplot's string; a line break in a label stays one."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def data(figure):
    lines = []
    for i, (x, values) in enumerate(figure.rows):
        place = quoted(x) if figure.kind == "bars" else cell(x, "x" in figure.log)
        lines.append(" ".join([str(i), place] + [cell(value, "y" in figure.log) for value in values]))
    return "\n".join(lines)


def script(figure, size, key):
    out = [f"set terminal svg size {size[0]},{size[1]} dynamic enhanced font 'DejaVu Sans,Verdana,sans-serif,{size[2]}' linewidth 1.6",
           "set termoption noenhanced", "set datafile missing '?'", "set border 3 linecolor rgb 'black'", "set tics nomirror out scale 0.5",
           "set grid ytics linecolor rgb '#888888' linewidth 0.4 dashtype 3", f"$data << EOD\n{data(figure)}\nEOD",
           # Enough to the right for half of the last label on the axis.
           "set rmargin 3"]
    out.append("set key outside top center horizontal samplen 1.2 width 0.5" if key else "unset key")
    if figure.xlabel:
        out.append(f"set xlabel {quoted(figure.xlabel)} offset 0,0.3")
    if figure.ylabel:
        out.append(f"set ylabel {quoted(figure.ylabel)} offset 0.8,0")
    for axis in "xy":
        if axis not in figure.log:
            continue
        out += [f"set logscale {axis} 10", f"set format {axis} '%.0s%c'"]
        if axis == "y" or figure.kind == "counts":
            out += [f"set {axis}tics 10", f"set {axis}tics add ('0' {ZERO})", f"set {axis}range [{ZERO * 0.8}:*]"]
    if "y" not in figure.log:
        out.append("set yrange [0:*]")
    plots = []
    size_of_points = 0.35 if len(figure.rows) > 60 else 0.7
    for i, name in enumerate(figure.names):
        look = f"linecolor rgb '{colour(name)}' title {quoted(name)}"
        if figure.kind == "bars":
            width = 0.82 / len(figure.names)
            at = f"$1 + {(i - (len(figure.names) - 1) / 2) * width:.4f}"
            base = ZERO * 0.8 if "y" in figure.log else 0
            plots.append(f"$data using ({at}):{i + 3}:({at} - {width * 0.46:.4f}):({at} + {width * 0.46:.4f}):({base}):{i + 3} "
                         f"with boxxyerror fillstyle solid 1 noborder {look}")
        else:
            plots.append(f"$data using 2:{i + 3} with linespoints linewidth 1.6 pointtype 7 pointsize {size_of_points} {look}")
    if figure.kind == "bars":
        tics = ", ".join(f"{quoted(x)} {i}" for i, (x, _) in enumerate(figure.rows))
        deep = max(str(x).count("\n") for x, _ in figure.rows) + 2
        out += [f"set xtics ({tics})", f"set bmargin {deep}", f"set xrange [-0.6:{len(figure.rows) - 0.4}]"]
    elif figure.kind == "growth":
        out += ["set logscale x 2", "set xtics (%s)" % ", ".join(f"'{x}' {x}" for x, _ in figure.rows),
                f"set xrange [{figure.rows[0][0] * 0.9}:{figure.rows[-1][0] * 1.1}]"]
    out.append("plot " + ", ".join(plots))
    return "\n".join(out) + "\n"


def svg(figure, name, size=(760, 440, 19), key=False):
    """The figure as an SVG element: text and axes take the page's own colour, and its names clash with no other's."""
    got = subprocess.run(["gnuplot"], input=script(figure, size, key), capture_output=True, text=True, check=False)
    if got.returncode or not got.stdout.rstrip().endswith("</svg>"):
        raise RuntimeError(f"gnuplot cannot draw {figure.title!r}: {got.stderr.strip()[:400]}")
    text = got.stdout[got.stdout.index("<svg"):]
    text = re.sub(r"<desc>.*?</desc>|<title>.*?</title>", "", text, flags=re.S)
    text = re.sub(r"""(['"])(black|rgb\(\s*0,\s*0,\s*0\))\1""", '"currentColor"', text)
    text = re.sub(r"""(\sid=['"]|url\(#|xlink:href=['"]#)""", lambda match: match[0] + name + "-", text)
    title = figure.title.replace("&", "&amp;").replace("<", "&lt;")
    # gnuplot closes its first tag on a line of its own.
    return re.sub(r">", f' role="img"><title>{title}</title>', text, count=1)
