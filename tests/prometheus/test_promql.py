"""Are metrics and labels found in expressions, and nothing else?"""

from __future__ import annotations

import pytest

from tests.prometheus.promql import used


@pytest.mark.parametrize(
    ("expression", "metrics", "labels"),
    [
        ("up == 0", {"up"}, set()),
        ("sum by (job, ip) (max without (b) (a:b:c)) > 1.5e3", {"a:b:c"}, {"job", "ip", "b"}),
        ("rate(x_total[5m]) / ignoring (s) group_left () (y or on (job) z)", {"x_total", "y", "z"}, {"s", "job"}),
        ('label_join(m, "vip", " ", "cluster", "ip") unless vector(0)', {"m"}, set()),
        ("a  # b is not meant\nand c offset 5m", {"a", "c"}, set()),
        ("count(max_over_time(sum(a)[10m:15s])) > bool 5", {"a"}, set()),
    ],
)
def test_names_are_told_from_functions_keywords_and_labels(
    expression: str, metrics: set[str], labels: set[str]
) -> None:
    """And from numbers, ranges and strings."""
    assert (set(used(expression).metrics), used(expression).labels) == (metrics, labels)


def test_matchers_belong_to_their_metric() -> None:
    """Braces and commas in strings are no syntax."""
    found = used('a{x="}",y=~"b,c"} and a{z!="\\""} or d').metrics
    assert found == {"a": {("x", "=", "}"), ("y", "=~", "b,c"), ("z", "!=", '\\"')}, "d": set()}
