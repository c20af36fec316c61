"""Metrics as Prometheus reads them. By hand: the text format takes a page, its library would be one more dependency.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """A metric, and its values by the names and values of their labels. A histogram brings the suffixes of its names."""

    name: str
    kind: str
    help: str
    values: Iterable[tuple[str, Mapping[str, str], float]]


def exposition(metrics: Iterable[Metric]) -> bytes:
    """The metrics in Prometheus's text format."""
    lines = []
    for metric in metrics:
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for suffix, labels, value in metric.values:
            lines.append(
                f"{metric.name}{suffix}{_labels(labels)} {value:.10g}"
                if value % 1
                else f"{metric.name}{suffix}{_labels(labels)} {int(value)}"
            )
    return "".join(f"{line}\n" for line in lines).encode()


def _labels(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
