# SPDX-License-Identifier: GPL-2.0-only
"""What make bench or make run measured: read.py reads it, tables.py and figures.py choose what is shown,
bounds.py judges, plots.py draws."""
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
# The bound of an exact epoch: realtime and clock are cut to whole ns, in each of the two readings that are compared.
EXACT_NS = 2


def die(text):
    """One line that names what is wrong with the input."""
    print(f"{pathlib.Path(sys.argv[0]).name}: error: {text}", file=sys.stderr)
    sys.exit(2)
