"""Where the tests of an extra are asked for by name (-m peers, -m cluster, -m track), a skipped test is a failed one.

They are asked for where the extras are installed, to be told that all works; a skip would say so without having looked.
"""

import re

import pytest

ASKED_FOR = re.compile(r"(?<!not )\b(peers|cluster|track)\b")


def pytest_configure(config):
    if ASKED_FOR.search(config.getoption("markexpr")):
        config.pluginmanager.register(NoSkips())


class NoSkips:
    """The two places at which pytest learns of a skip: when it reads a file, and when it runs a test."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self):
        return failed_if_skipped((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self):
        return failed_if_skipped((yield))


def failed_if_skipped(report):
    if report.skipped and not hasattr(report, "wasxfail"):
        _, _, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} may not skip, since it was asked for with -m. {reason}"
    return report
