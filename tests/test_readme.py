"""README.md is short, its code runs, its numbers are the files'; links and places are there."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import tvbi_ref

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
SHOWN = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)


def test_it_is_read_in_a_minute():
    assert len(TEXT.splitlines()) < 130


def test_it_names_the_two_commands():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {"demo", "test"} <= set(
        re.findall(r"^    make (\w+)", TEXT, flags=re.MULTILINE)
    ) & targets


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "results.md",
        "CONTRIBUTING.md",
        "notebooks/README.md",
        *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    ],
)
def test_the_links_of_a_page_lead_somewhere_and_its_pictures_have_words(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    links = re.findall(r"(?<!\])\]\((?!https?:)([^)#\s]+)[^)]*\)", text)
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing
    assert all(len(words) > 20 for words in re.findall(r"!\[([^\]]*)\]\(", text))


def test_its_code_runs_and_the_check_says_what_is_shown(capsys):
    names: dict = {}
    for block in CODE:
        exec(re.sub(r"epochs=\d+", "epochs=2", block), names)  # as it stands, but short
    printed = capsys.readouterr().out
    assert SHOWN[-1] in printed
    assert re.search(r"^\d+ of 17024, [\d.]+ in a run, [\d.]+ bits each\naccuracy 0\.", printed)
    assert set(names) > {"turbo", "result", "small", "mended"}


@pytest.fixture(scope="module")
def seed_0():
    lines = (ROOT / "figures" / "five_seeds.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    return {row["prior"]: row for row in rows if row["seed"] == "0"}


def test_the_numbers_under_the_picture_are_those_of_the_runs(seed_0):
    words = " ".join(TEXT.split())
    kept, tuned, bits = (
        [f"{float(row[name]):{form}}" for row in seed_0.values()]
        for name, form in (("kept", ".0f"), ("tuned", ".3f"), ("index_bits", ".1f"))
    )
    dense = float(seed_0["grid"]["dense"])
    assert "keeps {}, {} and {} of 17,024 weights".format(*kept) in words
    assert "accuracy of {}, {} and {}".format(*tuned) + f" (dense: {dense:.3f})" in words
    assert "costs {}, {} and {} bits".format(*bits) in words


def test_the_page_of_code_is_the_demos_grid_of_seed_0(seed_0):
    grid = {name: float(value) for name, value in seed_0["grid"].items() if name != "prior"}
    shown = f"{grid['kept']:.0f} of 17024, {grid['mean_run']:.1f} in a run, "
    assert f"{shown}{grid['index_bits']:.1f} bits each\n" in SHOWN[0]


def test_the_table_of_results_is_cut_out_of_the_whole_one():
    table = [line for line in TEXT.splitlines() if line.startswith("|")]
    assert len(table) == 5
    assert set(table) <= set((ROOT / "results.md").read_text(encoding="utf-8").splitlines())


def test_every_place_on_the_page_about_changes_is_there():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    spans = [word for span in re.findall(r"`([^`\n]+)`", text) for word in span.split()]
    places = [s for s in spans if re.fullmatch(r"[\w./]+(/|\.py|\.md|\.toml|\.yml)", s)]
    known = [place for place in places if not re.search(r"NAME|GROUP|NN_name", place)]
    folders = (ROOT, ROOT / "tvbi_ref")
    assert [p for p in known if not any((f / p).exists() for f in folders)] == []
    assert len(known) > 40
    for folder, rest in re.findall(r"^\| `(\w+)/` \| (.*) \|$", text, flags=re.MULTILINE):
        if (ROOT / "tvbi_ref" / folder).is_dir():
            here = {path.stem for path in (ROOT / "tvbi_ref" / folder).iterdir()}
            assert set(re.findall(r"`(\w+)`", rest)) <= here, folder


def test_the_books_page_of_names_has_every_public_name():
    text = (ROOT / "book" / "api" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^   (\w+)$", text, flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(tvbi_ref.__all__) - {"__version__"})
