"""Resident memory: of this process, of a tree of processes, and as a Prometheus page tells it."""

from __future__ import annotations

import subprocess
import sys

import psutil
from patience import TIMEOUT_S
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from monitoring.memory import exposed_rss_bytes, own_rss_bytes, tree_rss_bytes

# A process with a child that holds 64 MiB; says so once both are there, and ends with its standard input.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "x = bytearray(1 << 26); print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(flush=True)
sys.stdin.read()
child.communicate(b"\\n")
"""


def test_own_memory_is_what_the_system_says_of_this_process() -> None:
    assert own_rss_bytes() > 10_000_000
    assert abs(own_rss_bytes() - psutil.Process().memory_info().rss) < 50_000_000


def test_the_memory_of_a_tree_includes_the_children_and_is_none_once_it_is_gone() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        alone = psutil.Process(parent.pid).memory_info().rss
        tree = tree_rss_bytes(parent.pid)
        assert tree is not None
        assert tree > alone + (1 << 26)
        parent.communicate(timeout=TIMEOUT_S)
    assert tree_rss_bytes(parent.pid) is None


def test_a_prometheus_page_tells_the_memory_of_the_process_that_serves_it() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    told = exposed_rss_bytes(generate_latest(registry).decode())
    assert told is not None
    assert abs(told - own_rss_bytes()) < 50_000_000


def test_a_page_that_does_not_tell_is_none() -> None:
    assert exposed_rss_bytes("") is None
    assert exposed_rss_bytes("# TYPE up gauge\nup 1\n") is None
    assert exposed_rss_bytes("process_resident_memory_bytes 1.5e+06\n") == 1_500_000
