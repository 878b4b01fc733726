# SPDX-License-Identifier: GPL-2.0-only
"""The plotter: gnuplot, to SVG for light and dark pages. A figure is a table, a column a peer, and how to draw it."""
import re
import subprocess

# One colour a kernel, in every figure, that can be seen on white and on black: stock warm, patched cool.
COLOURS = {
    "6.1-stock": "#d6303a", "6.12-stock": "#e8731a", "7.3-stock": "#c29a00",
    "6.1-patched": "#2f80d0", "6.12-patched": "#12a39a", "7.3-patched": "#5fa22f", "host": "#9166d6",
}
# Where a logarithmic axis has its zero, and where it begins.
ZERO, BOTTOM = 0.3, 0.24


class Figure:
    """rows: (x, value of each peer in the order of names, None where there is none); kind:
    bars, lines, counts (a histogram) or growth (over a number that doubles); log: the logarithmic axes."""

    def __init__(self, title, caption, kind, names, rows, xlabel="", ylabel="", log="y"):
        self.title, self.caption, self.kind, self.log = title, caption, kind, log
        keep = [i for i in range(len(names)) if any(values[i] is not None for _, values in rows)]
        self.names = [names[i] for i in keep]
        self.rows = [(x, [values[i] for i in keep]) for x, values in rows if any(values[i] is not None for i in keep)]
        self.xlabel, self.ylabel = xlabel, ylabel


def colour(name):
    return COLOURS.get(name, "#7a7a7a" if name.endswith("stock") else "#c2569b")


def cell(value, log):
    """A number as gnuplot takes it: 0 has a place of its own on a logarithmic axis, and signs have none."""
    if value is None:
        return "?"
    return str(max(abs(value), ZERO) if log else value)


def quoted(text):
    """As gnuplot's string; a line break in a label stays one."""
    return '"' + str(text).replace("\n", "\\n") + '"'


def axes(figure):
    """The axes by kind."""
    out = []
    for axis in figure.log:
        out += [f"set logscale {axis} 10", f"set format {axis} '%.0s%c'", f"set {axis}tics 10",
                f"set {axis}tics add ('0' {ZERO})", f"set {axis}range [{BOTTOM}:*]"]
    if "y" not in figure.log:
        out.append("set yrange [0:*]")
    if figure.kind == "bars":
        tics = ", ".join(f"{quoted(x)} {i}" for i, (x, _) in enumerate(figure.rows))
        deep = max(x.count("\n") for x, _ in figure.rows) + 2
        out += [f"set xtics ({tics})", f"set bmargin {deep}", f"set xrange [-0.6:{len(figure.rows) - 0.4}]"]
    elif figure.kind == "growth":
        tics = ", ".join(f"'{x}' {x}" for x, _ in figure.rows)
        out += ["set logscale x 2", f"set xtics ({tics})",
                f"set xrange [{figure.rows[0][0] * 0.9}:{figure.rows[-1][0] * 1.1}]"]
    return out


def curves(figure):
    points = 0.35 if len(figure.rows) > 60 else 0.7
    width = 0.82 / len(figure.names)
    base = BOTTOM if "y" in figure.log else 0
    for i, name in enumerate(figure.names):
        look = f"linecolor rgb '{colour(name)}' title {quoted(name)}"
        if figure.kind == "bars":
            at = f"$1 + {(i - (len(figure.names) - 1) / 2) * width:.4f}"
            half = f"{width * 0.46:.4f}"
            yield (f"$data using ({at}):{i + 3}:({at} - {half}):({at} + {half}):({base}):{i + 3} "
                   f"with boxxyerror fillstyle solid 1 noborder {look}")
        else:
            yield f"$data using 2:{i + 3} with linespoints linewidth 1.6 pointtype 7 pointsize {points} {look}"


def script(figure, size, key):
    width, height, letters = size
    rows = [[str(i), quoted(x) if figure.kind == "bars" else cell(x, "x" in figure.log),
             *(cell(value, "y" in figure.log) for value in values)] for i, (x, values) in enumerate(figure.rows)]
    font = f"DejaVu Sans,Verdana,sans-serif,{letters}"
    return "\n".join([
        f"set terminal svg size {width},{height} dynamic enhanced font '{font}' linewidth 1.6",
        "set termoption noenhanced", "set datafile missing '?'", "set border 3 linecolor rgb 'black'",
        "set tics nomirror out scale 0.5",
        "set grid ytics linecolor rgb '#888888' linewidth 0.4 dashtype 3", "$data << EOD", *map(" ".join, rows), "EOD",
        # Enough to the right for half of the last label on the axis.
        "set rmargin 3", "set key outside top center horizontal samplen 1.2 width 0.5" if key else "unset key",
        f"set xlabel {quoted(figure.xlabel)} offset 0,0.3" if figure.xlabel else "unset xlabel",
        f"set ylabel {quoted(figure.ylabel)} offset 0.8,0", *axes(figure), "plot " + ", ".join(curves(figure))]) + "\n"


def svg(figure, name, size, key=False):
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
