# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians with quartiles, and ratios of rounds; a table for people, JSON for programs."""
import json
from statistics import median


def quartiles(values):
    """First quartile, median, third quartile."""
    s = sorted(values)

    def at(q):
        x = q * (len(s) - 1)
        i = int(x)
        return s[i] + (x - i) * (s[min(i + 1, len(s) - 1)] - s[i])

    return at(0.25), median(s), at(0.75)


class Table:
    """The cases of one measurement, printed as they come."""

    def __init__(self, out, name, title, unit, notes):
        self.out, self.name = out, name
        self.result = {"name": name, "title": title, "unit": unit, "notes": notes, "cases": []}
        self.text = []
        self._tell(f"\n{name}: {title}")
        for note in notes:
            self._tell(f"  {note}")
        self._tell(f"{'':38} {'theirs':19} {unit:>9} {'':17} {'ours':>9} {'':17} {'ours/theirs':>11} {'':15}"
                   f" {'us theirs':>9} {'us ours':>8}")

    def _tell(self, line):
        print(line, flush=True)
        self.text.append(line.rstrip())

    def add(self, case, theirs_name, theirs, ours):
        """
        @theirs, @ours: a list of (rate, microseconds of processor for each request), a pair for each
        round. The ratio is the median of the rounds' ratios: what slowed the machine in
        one of them slowed both.
        """
        a, b = ([rate for rate, _ in side] for side in (theirs, ours))
        ratio = quartiles([y / x for x, y in zip(a, b)])
        cost_a, cost_b = (median(cost for _, cost in side) for side in (theirs, ours))
        qa, qb = quartiles(a), quartiles(b)

        def spread(q, form):
            return f"({q[0]:{form}} to {q[2]:{form}})"

        self._tell(f"{case:38} {theirs_name:19} {qa[1]:9.0f} {spread(qa, '.0f'):17} {qb[1]:9.0f}"
                   f" {spread(qb, '.0f'):17} {ratio[1]:11.2f} {spread(ratio, '.2f'):15}"
                   f" {cost_a:9.1f} {cost_b:8.1f}")
        self.result["cases"].append({
            "case": case, "theirs": theirs_name, "rounds": len(a),
            "theirs_per_second": a, "ours_per_second": b,
            "theirs_quartiles": qa, "ours_quartiles": qb, "ratio_quartiles": ratio,
            "theirs_processor_us": cost_a, "ours_processor_us": cost_b})

    def close(self):
        base = f"{self.out}/{self.name}"
        with open(f"{base}.txt", "w", encoding="utf-8") as f:
            f.write("\n".join(self.text).lstrip("\n") + "\n")
        with open(f"{base}.json", "w", encoding="utf-8") as f:
            json.dump(self.result, f, indent="\t")
            f.write("\n")
