"""Take the pictures of docs/console.md: a small real market is run, and its console looked at.

    python scripts/screenshots.py [FOLDER]

Four data owners, a builder and a buyer over one local chain; the tables are parts of scikit-learn's
breast cancer table. Needs Chromium and the packages of the tests. Takes about two minutes.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import market_acts as act  # noqa: E402
from console_node import Console, opened  # noqa: E402
from node_world import World  # noqa: E402

from freehold.features.data import publishing  # noqa: E402
from freehold.features.data.wire import Publish  # noqa: E402
from freehold.quickstart import demo  # noqa: E402

WIDE = {"width": 1200, "height": 860}
PHONE = {"width": 390, "height": 780}
MOST_BYTES = 200_000
OTHERS = {"cedar": "Hillside Hospital", "birch": "Harbour Screening Centre", "elm": "Elmwood Practice"}
MODEL = "Tumour risk"


class Camera:
    """Pictures of one console's pages."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console, self._folder = console, folder

    def take(
        self, name: str, path: str, *, theme: str = "light", phone: bool = False, locale: str = "en-US"
    ) -> None:
        """One picture, by a browser in this colour, size and language."""
        page = self._console.page(
            storage_state=self._console.state, viewport=PHONE if phone else WIDE, locale=locale,
            color_scheme=theme, reduced_motion="reduce", device_scale_factor=2 if phone else 1,
        )  # fmt: skip
        page.goto(self._console.url + path)
        self.shoot(page, name)
        page.context.close()

    def shoot(self, page: Any, name: str) -> None:
        """What a tab shows now."""
        page.evaluate("document.fonts.ready.then(() => scrollTo(0, 0))")
        data = page.screenshot(animations="disabled", caret="hide")
        if len(data) > MOST_BYTES:
            raise SystemExit(f"{name} has {len(data):,} bytes, at most {MOST_BYTES:,} are wanted")
        (self._folder / f"console-{name}.png").write_bytes(data)
        sys.stdout.write(f"{name} {len(data):,} bytes\n")


def main(folder: Path) -> None:
    """Run the market and take every picture."""
    with contextlib.ExitStack() as running:
        home = Path(running.enter_context(tempfile.TemporaryDirectory()))
        browser = running.enter_context(opened())
        world = World(home)
        running.callback(world.close)
        consoles = []
        for name in ("Lakeview Clinic", "Northside Research", "Cedar Practice"):
            console = Console(browser, home / name.split()[0].lower(), world.rpc_url).start()
            running.callback(console.stop)
            page = act.enter(console, name)
            page.set_viewport_size(WIDE)
            page.emulate_media(color_scheme="light", reduced_motion="reduce")
            consoles.append((console, page, Camera(console, folder)))
        _run(world, consoles, demo.write_parts(home / "tables"))


def _run(world: World, consoles: list[Any], files: dict[str, Path]) -> None:
    (owner, owner_page, owner_camera), (builder, page, builder_camera), (buyer, buyer_page, camera) = consoles
    for part, name in OTHERS.items():
        party = world.party(name)
        publishing.publish(
            party.node,
            Publish(
                path=str(files[part]), label=demo.LABEL, name=f"Breast biopsies, {name}", price_units=4_000_000,
                max_uses=200, epsilon_run_micro=4_000_000, epsilon_life_micro=8_000_000,
            ),
        )  # fmt: skip
        builder.api("/peers", {"url": party.url})
    act.describe(
        owner_page, owner, files["alder"], "Breast Cancer Part 1", "5", "Ask me first", epsilon="4", life="8"
    )
    owner_camera.shoot(owner_page, "publish")
    dataset = act.finish(owner_page)
    for name, role in (("Anna Berg", "finance"), ("Jon Vale", "auditor")):
        owner.api("/people", {"name": name, "role": role})
    act.look_around(page, builder, owner)
    act.order(
        page, builder, ["Breast Cancer Part 1", *OTHERS.values()], files["test"], name=MODEL, price="0.02"
    )
    builder_camera.shoot(page, "plan")
    act.start(page)
    page.get_by_text("decides by hand").wait_for()
    owner_camera.take("inbox", "inbox")
    owner_page.goto(owner.url + "inbox")
    owner_page.get_by_role("link", name="Decide").click()
    owner_camera.shoot(owner_page, "request")
    act.accept(owner_page, owner)
    page.get_by_role("button", name="Ask again now").click()
    model = act.trained(page)
    act.sell(page, builder, model)
    act.look_around(buyer_page, buyer, builder)
    camera.take("model", f"assets/{model}")
    lines = files["test"].read_text().splitlines()[1:]
    rows = [line.rsplit(",", 1)[0].split(",") for line in lines]
    receipt = act.ask(buyer_page, buyer, model, ",".join(rows[0]))
    for row in rows[1:41]:
        buyer.api("/predict", {"model": model, "rows": [row], "at_most_units": 10**6})
    act.settled(builder)
    owner.api("/claim", {})
    for row in rows[41:60]:
        buyer.api("/predict", {"model": model, "rows": [row], "at_most_units": 10**6})
    act.settled(builder)
    for one in (owner, builder):
        one.api("/anchor", {})
    act.verify(buyer_page, buyer, receipt)
    camera.shoot(buyer_page, "receipt")
    owner_page.goto(owner.url + "log")
    owner_page.get_by_role("button", name="Check my log").click()
    owner_page.get_by_text("are still the first of this log").wait_for()
    owner_camera.shoot(owner_page, "log")
    owner_camera.take("home", "")
    owner_camera.take("uses", "uses")
    owner_camera.take("money", "money")
    owner_camera.take("dataset", f"assets/{dataset}/access")
    owner_camera.take("people", "settings/people")
    owner_camera.take("phone", "", phone=True)
    owner_camera.take("german", "money", locale="de-DE")
    builder_camera.take("assets", "assets")
    builder_camera.take("dark", f"assets/{model}", theme="dark")
    builder_camera.take("lineage", f"assets/{model}/lineage")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures")
