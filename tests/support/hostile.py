"""Queries that mean harm: each must be answered or refused within its limits, and harm nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field

ALL = '{__name__=~".+"}'


@dataclass(frozen=True)
class Hostile:
    """A query, what it asks for, and the error types with which it may end ("" is an answer).

    Times of `parameters` are seconds before the newest sample.
    """

    name: str
    query: str
    ends: frozenset[str]
    parameters: dict[str, float] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return "/api/v1/query_range" if self.parameters else "/api/v1/query"

    def form(self, now_s: float) -> dict[str, str]:
        if not self.parameters:
            return {"query": self.query, "time": str(now_s)}
        start_s, end_s = now_s - self.parameters["back"], now_s - self.parameters.get("until", 0.0)
        return {"query": self.query, "start": str(start_s), "end": str(end_s), "step": str(self.parameters["step"])}


def _ends(*types: str) -> frozenset[str]:
    return frozenset(types)


ANSWERED, REFUSED = _ends(""), _ends("bad_data")
LIMITED = _ends("execution", "timeout")
EITHER = ANSWERED | LIMITED

HOSTILE = [
    Hostile("deep parentheses", "(" * 5_000 + "1" + ")" * 5_000, REFUSED | LIMITED),
    Hostile("deep functions", "abs(" * 2_000 + "up" + ")" * 2_000, REFUSED | LIMITED),
    Hostile("long chain of or", " or ".join(f"x{n}" for n in range(5_000)), REFUSED | EITHER),
    Hostile("long text", "up" + " " * 2_000_000, _ends("bad_data", "")),
    Hostile("odd bytes", '{"\ud7ff\u0000\ufffe"="\U0010ffff\x07"} + {"é"=~"(", a="', REFUSED),
    Hostile("everything, every second", f"rate({ALL}[1h])", EITHER, {"back": 3_600, "step": 0.5}),
    Hostile("too many steps", "up", REFUSED, {"back": 1e9, "step": 0.001}),
    Hostile("a century of ranges", f"sum_over_time({ALL}[100y])", EITHER, {"back": 3_600, "step": 1}),
    Hostile("catastrophic pattern", '{path=~"(.*)*(a|aa|.?)+(x+x+)+y",node=~".*(.*.*.*)*"}', ANSWERED),
    Hostile("huge repetition", '{path=~"((a{1000}){1000}){1000}"}', REFUSED),
    Hostile("bomb of labels", "label_replace(" * 40 + ALL + ', "a", "$1$1$1$1", "a", "(.*)")' * 40, EITHER),
    Hostile(
        "bomb of replacements",
        "label_replace(" * 30 + 'bench_gauge, "a", "xxxxxxxx", "", "")' + ', "a", "$1$1$1$1", "a", "(.*)")' * 29,
        EITHER,
    ),
    Hostile("joined labels", "label_join(" * 30 + ALL + ', "a", "a", "a", "a", "a", "a")' * 30, EITHER),
    Hostile("anything, even nothing", 'count({__name__=~".*"})', REFUSED),
    Hostile("many to many", f"{ALL} * on () group_left () {ALL}", LIMITED | EITHER),
    Hostile("or of everything", f"({ALL}) or on (__name__, le, node, path) ({ALL} * 2) or ({ALL} + 1)", EITHER),
    Hostile("million steps", f"max_over_time(sum({ALL})[1000000s:1s])", EITHER),
    Hostile("steps within steps", "sum_over_time(sum_over_time(bench_gauge[1h:1s])[1h:1s])", EITHER),
    Hostile("steps of nothing", "sum_over_time(sum_over_time(vector(1)[2d:1s])[2d:1s])", LIMITED),
    Hostile(
        "a series a value", 'count_values("v", rate(bench_requests_total[5m]))', EITHER, {"back": 3_600, "step": 1}
    ),
    Hostile("top of a billion", f"topk(1e9, {ALL})", EITHER, {"back": 3_600, "step": 1}),
    Hostile("quantiles of everything", f"quantile_over_time(0.5, {ALL}[1h])", EITHER, {"back": 3_600, "step": 2}),
    Hostile("far away", f"sum({ALL} offset 500y) or sum({ALL} @ 9e15) or sum({ALL} offset -500y)", REFUSED | EITHER),
    Hostile(
        "cross of operators",
        " + ".join([f"sum by (node, path, code) ({ALL})"] * 100),
        EITHER,
        {"back": 3_600, "step": 1},
    ),
]
