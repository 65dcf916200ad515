"""`lukhas reflect` and `lukhas state`: as people and as scripts use them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from lukhas_cli.render.topic_chart import COLOURS
from lukhas_sdk import LukhasClient
from lukhas_sdk.paths import Paths

NOTES = Path(__file__).parents[1] / "data" / "reflection" / "year.jsonl"


def test_reflect_and_its_chart(unlimited_home: Any, tmp_path: Path, on_terminal: Any) -> None:
    empty = unlimited_home.run("reflect", check=True)
    assert empty.stdout == "nothing\t–\t0\tnothing was found that recurs or changed\t\n"
    unlimited_home.run("memory", "import", str(NOTES), check=True)
    chart = tmp_path / "topics.svg"
    done = json.loads(unlimited_home.run("reflect", "--json", "--plot", str(chart), check=True).stdout)
    answer = done["data"]
    assert done["command"] == "reflect"
    assert {topic["label"].split(",")[0] for topic in answer["topics"]} & {"tram", "choir", "ran", "running"}
    assert answer["considered"]["memories"] > 95
    drawn = ElementTree.parse(chart).getroot()
    titles = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")][1:]
    assert sum(int(title or 0) for title in titles) == sum(sum(topic["per_period"]) for topic in answer["topics"])
    again = unlimited_home.run("reflect", "--plot", str(chart))
    assert again.returncode != 0
    assert "exists already" in again.stderr
    refused = unlimited_home.run("reflect", "--plot", str(tmp_path / "topics.pdf"))
    assert (refused.returncode, "SVG and PNG" in refused.stderr) == (2, True)
    code, screen = on_terminal(unlimited_home.env, "reflect", "--depth", "1")
    assert code == 0
    assert "Topics by" in screen
    assert any(bar in screen for bar in "▂▃▄▅▆▇█")
    root = unlimited_home.path
    with LukhasClient(paths=Paths(root / "config", root / "data", root / "state", root / "run")) as client:
        assert client.consciousness.reflect().reflection_id == answer["reflection_id"]
        for insight in answer["insights"]:
            assert client.memory.recall(insight["supporting_evidence"][0]).content.data


def test_a_png_shows_the_same_bars(unlimited_home: Any, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    unlimited_home.run("memory", "import", str(NOTES), check=True)
    file = tmp_path / "topics.png"
    answer = json.loads(unlimited_home.run("reflect", "--json", "--plot", str(file), check=True).stdout)["data"]
    with image.open(file) as drawn:
        colours = {f"#{red:02x}{green:02x}{blue:02x}" for _, (red, green, blue) in drawn.getcolors(1 << 20)}
        assert drawn.format == "PNG"
        assert drawn.width == 1800
    assert set(COLOURS[: len(answer["topics"])]) <= colours


def test_without_pillow_a_png_is_refused_and_says_what_helps(unlimited_home: Any, tmp_path: Path) -> None:
    """Run where Python finds the program and what it needs, and no other package."""
    program = (
        "import sys, importlib.util as util; find = util.find_spec;"
        " util.find_spec = lambda name, *rest: None if name == 'PIL' else find(name, *rest);"
        " from lukhas_cli.__main__ import main; sys.exit(main())"
    )
    file = tmp_path / "topics.png"
    done = subprocess.run(
        [sys.executable, "-c", program, "reflect", "--plot", str(file)],
        env=unlimited_home.env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "lukhas[plot]" in done.stderr
    assert not file.exists()


def test_state(warm_home: Any, on_terminal: Any) -> None:
    rows = dict(line.split("\t") for line in warm_home.run("state", check=True).stdout.splitlines())
    assert rows["mode"] in ("IDLE", "MATRIZ_PROCESSING")
    assert rows["awareness"].split()[0] in ("DORMANT", "DROWSY", "AWARE", "FOCUSED", "ABSORBED")
    answer = json.loads(warm_home.run("state", "--json", check=True).stdout)["data"]
    assert 0 <= answer["consciousness_state"]["awareness_level"] <= 1
    refused = warm_home.run("state", "--watch")
    assert (refused.returncode, "needs a terminal" in refused.stderr) == (2, True)
