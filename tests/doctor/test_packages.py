"""What is said of packages and extras."""

import importlib.metadata

import pytest
from packaging.requirements import Requirement as Read
from packaging.version import Version

from fewshot_bench.doctor import packages
from fewshot_bench.doctor.packages import EXTRAS, Requirement, base, lacking, of_extra, requirement

NEEDED = [Requirement("torch", "2.6", ""), Requirement("tyro", "0.9", "")]


def test_metadata_is_read_as_packaging_reads_it():
    lines = importlib.metadata.requires("fewshot-bench")
    assert len(lines) > 15
    for line in lines:
        ours, theirs = requirement(line), Read(line)
        assert ours.name == theirs.name
        assert f">={ours.least}" == str(theirs.specifier)
        assert theirs.marker is None or theirs.marker.evaluate({"extra": ours.extra})
        assert (theirs.marker is None) == (ours.extra == "")


@pytest.mark.parametrize("has", ["2.5.1", "2.6", "2.6.0", "2.10", "2.15.0+cpu", "3", "1.13.1", "2.6rc1"])
@pytest.mark.parametrize("least", ["2.6", "2.6.0", "2.15", "1.9"])
def test_versions_are_compared_as_packaging_compares_them(has, least):
    enough = Version(Version(has).base_version) >= Version(least)
    assert lacking([Requirement("x", least, "")], lambda _: has) == ([] if enough else [f"x>={least}"])


def test_all_is_there():
    assert base(NEEDED, {"torch": "2.15.0", "tyro": "1.0"}.get) == ("ok", "packages", "all 2 that it needs", "")


def test_what_is_missing_is_a_fault():
    found = base(NEEDED, {"torch": "2.5.0"}.get)
    assert found.level == "fault"
    assert found.mend == "pip install 'torch>=2.6' 'tyro>=0.9'"


def test_an_extra_that_is_missing_is_none():
    found = of_extra("cluster", [Requirement("ray", "2.40", "cluster")], lambda _: None)
    assert found.level == "ok"
    assert "run --engine ray" in found.says
    assert "uv sync --extra cluster" in found.mend
    assert of_extra("cluster", [Requirement("ray", "2.40", "cluster")], lambda _: "2.60.0").says == "ray 2.60.0"


def test_here_all_is_well_and_every_extra_says_what_it_is_for():
    found = {one.about: one for one in packages.packages()}
    assert found["packages"].level == found["fewshot-bench"].level == "ok"
    assert {about.removeprefix("extra ") for about in found if about.startswith("extra ")} == set(EXTRAS)


def test_a_package_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(packages, "PACKAGE", "no-such-package-anywhere")
    assert [one.level for one in packages.packages()] == ["ok", "warning"]
