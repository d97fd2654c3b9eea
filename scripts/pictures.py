"""Draw the diagrams of the documentation: `python scripts/pictures.py [--check]`.

Plain SVG, no script and no font of its own. Colours follow the reader's preference for light or dark, and
each picture brings its own ground, so it can be read on any page.
"""

import sys
from html import escape
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "docs" / "pictures"
WIDTH = 760
STYLE = """
.ground{fill:#fbfcfd}.box{fill:#fff;stroke:#5b6b7b}.strong{fill:#e3f4f1;stroke:#0b7a6b}.soft{fill:none;stroke:#8a97a5;stroke-dasharray:5 4}
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:#1d2730}
.name{font-weight:600}.note{fill:#4a5864;font-size:12px}.line{stroke:#5b6b7b;stroke-width:1.5;fill:none}.tip{fill:#5b6b7b}
.money{stroke:#a05a00}.moneytip{fill:#a05a00}.moneynote{fill:#8a4d00;font-size:12px}
@media (prefers-color-scheme:dark){.ground{fill:#1c2229}.box{fill:#262e37;stroke:#93a3b3}.strong{fill:#123c37;stroke:#4cc3b0}
.soft{stroke:#77858f}text{fill:#e8edf2}.note{fill:#b4c0cb}.line{stroke:#93a3b3}.tip{fill:#93a3b3}
.money{stroke:#e0a04a}.moneytip{fill:#e0a04a}.moneynote{fill:#eab76f}}
"""
Point = tuple[float, float]


class Picture:
    """One diagram: boxes with text, and arrows between points."""

    def __init__(self, name: str, height: int, title: str, description: str) -> None:
        self.name, self._height, self._title, self._description = name, height, title, description
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = "note", anchor: str = "middle") -> None:
        self._parts.append(
            f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def box(self, x: float, y: float, w: float, h: float, name: str, *lines: str, kind: str = "box") -> None:
        """A box with its name and lines of text, centred; refuses text that would not fit."""
        for words in (name, *lines):
            if len(words) * 6.1 > w - 8:
                raise ValueError(f"{self.name}: {words!r} does not fit into {w} units")
        self._parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="8"/>')
        top = y + h / 2 - 8 * len(lines) + 5
        self.text(x + w / 2, top, name, "name")
        for place, words in enumerate(lines, 1):
            self.text(x + w / 2, top + 17 * place, words)

    def frame(self, x: float, y: float, w: float, h: float, name: str) -> None:
        """A dashed frame around other boxes, named at its top left."""
        self._parts.append(f'<rect class="soft" x="{x}" y="{y}" width="{w}" height="{h}" rx="10"/>')
        self.text(x + 12, y + 20, name, "name", "start")

    def band(self, y: float, name: str, *lines: str) -> None:
        """A box over the whole width, its text from the left."""
        self._parts.append(
            f'<rect class="box" x="24" y="{y}" width="{WIDTH - 48}" height="{45 + 17 * len(lines)}" rx="8"/>'
        )
        self.text(44, y + 24, name, "name", "start")
        for place, words in enumerate(lines):
            self.text(44, y + 45 + 17 * place, words, anchor="start")

    def arrow(self, *points: Point, label: str = "", at: Point | None = None, money: bool = False) -> None:
        """A line along the points with a tip at its end; `at` is where the label's middle stands."""
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        foot = (x1 - 9 * ux, y1 - 9 * uy)
        corners = [
            (x1, y1),
            (foot[0] - 4.5 * uy, foot[1] + 4.5 * ux),
            (foot[0] + 4.5 * uy, foot[1] - 4.5 * ux),
        ]
        path = " ".join(f"{x:g},{y:g}" for x, y in [*points[:-1], foot])
        self._parts.append(f'<polyline class="line{" money" if money else ""}" points="{path}"/>')
        tip = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self._parts.append(f'<polygon class="{"moneytip" if money else "tip"}" points="{tip}"/>')
        if label:
            x, y = at or ((x0 + x1) / 2, (y0 + y1) / 2 - 7)
            self.text(x, y, label, "moneynote" if money else "note")

    def svg(self) -> str:
        body = "\n".join(self._parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" role="img" '
            f'aria-labelledby="title description">\n<title id="title">{escape(self._title)}</title>\n'
            f'<desc id="description">{escape(self._description)}</desc>\n<style>{STYLE}</style>\n'
            f'<rect class="ground" width="{WIDTH}" height="{self._height}" rx="12"/>\n{body}\n</svg>\n'
        )


def overview() -> Picture:
    p = Picture(
        "overview", 330, "Freehold in one picture",
        "Three owners keep their tables in their own nodes. A builder's node sends them one common model a round and gets "
        "noised updates back, under grants. A buyer pays for answers. The money goes through a pool on chain to the "
        "owners. Logs and receipts let a stranger check all of it. A judge, if an owner names one, may be shown its rows.",
    )  # fmt: skip
    for row, name in enumerate(("North clinic", "South clinic", "East clinic")):
        p.box(30, 30 + 70 * row, 150, 54, name, "rows stay here", kind="strong")
        p.arrow((340, 105 + 20 * row), (184, 52 + 70 * row))
        p.arrow((184, 64 + 70 * row), (340, 117 + 20 * row))
    p.text(345, 40, "one model out, noised updates")
    p.text(345, 57, "back, each round under a grant")
    p.box(344, 90, 150, 90, "Builder", "one model, owned by", "all who contributed")
    p.box(610, 90, 120, 90, "Buyer", "asks, pays,", "keeps a receipt")
    p.arrow((498, 120), (606, 120), label="answer, receipt")
    p.arrow((606, 155), (498, 155), label="1 cent a call", at=(552, 173), money=True)
    p.box(344, 250, 150, 54, "Pool on chain", "split fixed at release")
    p.arrow((419, 184), (419, 246), label="", money=True)
    p.arrow(
        (340, 277), (105, 277), (105, 228), label="each owner's measured share", at=(232, 296), money=True
    )
    p.box(570, 250, 160, 54, "A stranger", "checks it all, offline", kind="strong")
    p.arrow((670, 184), (670, 246), label="evidence", at=(700, 220))
    return p


def who_sees_what() -> Picture:
    p = Picture(
        "who-sees-what", 450, "Who sees what",
        "Rows of data stay in their owner's node. Noised updates go from owners to the builder, who sells the model's "
        "answers. A buyer's question rows go to the seller in the clear, and the answer comes back. A judge that plan and "
        "terms name may see one owner's rows; a validator keeps the test table until the run is over. Public evidence holds "
        "column names, noised updates, weights, the opened test table, prices and names, and of questions and answers a "
        "hash. The chain holds accounts, amounts, times and hashes. Who runs a node's S3 sees sizes and times; who runs its "
        "Postgres sees everything in the database, which is not the rows. From exact updates, which an owner may offer to "
        "named builders, anybody who reads the evidence can rebuild rows.",
    )  # fmt: skip
    public = ("rows stay here, sealed", "on disk; column names", "and the number of rows", "are public")
    p.box(24, 24, 170, 104, "Owner of data", *public, kind="strong")
    p.arrow((198, 76), (308, 76))
    p.text(252, 50, "one noised")
    p.text(252, 66, "update a round")
    seen = (
        "noised updates, weights,",
        "never rows of data;",
        "every question in the clear",
        "and every answer",
    )
    p.box(312, 24, 176, 104, "Builder and seller", *seen)
    p.arrow((606, 64), (492, 64), label="question rows", money=True)
    p.arrow((492, 94), (606, 94), label="answer", at=(549, 111))
    p.box(
        610,
        24,
        126,
        104,
        "Buyer",
        "what you ask, the",
        "seller reads: send",
        "no row that you",
        "may not show",
    )
    p.box(
        24,
        150,
        170,
        70,
        "Judge, if named",
        "one owner's rows, opened",
        "to it alone, after a run",
        kind="soft",
    )
    p.box(
        312, 150, 176, 70, "Validator, if named", "keeps the test table", "until the run is over", kind="soft"
    )
    servers = ("S3: sizes and times; Postgres:", "its records, not the rows")
    p.box(536, 150, 200, 70, "Who runs your servers", *servers, kind="soft")
    evidence = (
        "In it: column names, every noised update, the model's weights, the opened test table row by row, prices, names,",
        "accounts and times of who took part. Of a question and its answer: a hash, against which a guess can be tried.",
        "Not in it: a row that was trained on (but from exact updates it can be rebuilt), a question, an answer.",
    )
    chain = (
        "In it: accounts, who paid whom how much and when, owners' shares, hashes of plans and logs, revocations.",
        "Not in it: rows, column names, updates, weights, questions, answers, names of people.",
    )
    p.band(240, "Public evidence, for anybody and for ever", *evidence)
    p.band(352, "The chain, for anybody and for ever", *chain)
    return p


def parties() -> Picture:
    p = Picture(
        "parties", 300, "A party and its three keys",
        "A node's home holds one key file under a passphrase with three keys: the account key signs documents and "
        "money, the log key signs checkpoints and peer requests, the encryption key opens the vault. The party "
        "document publishes the three public halves.",
    )  # fmt: skip
    p.frame(20, 20, 470, 260, "HOME/keys.jwe, sealed under the passphrase")
    rows = (
        ("Account key", "secp256k1", "documents, payments, claims"),
        ("Log key", "Ed25519", "checkpoints, requests to peers"),
        ("Encryption key", "X25519", "epochs of the vault"),
    )
    for row, (name, curve, use) in enumerate(rows):
        y = 56 + 74 * row
        p.box(40, y, 170, 56, name, curve, kind="strong")
        p.box(260, y, 210, 56, ("signs", "signs", "opens")[row], use)
        p.arrow((212, y + 28), (256, y + 28))
        p.arrow((472, y + 28), (556, 150 + 12 * (row - 1)))
    p.box(
        560,
        90,
        180,
        120,
        "Party document",
        "name, account,",
        "the three public halves,",
        "endpoint; signed by",
        "the account",
    )
    return p


def grants() -> Picture:
    p = Picture(
        "grants", 300, "From terms to receipts",
        "An asset carries terms. A grant narrows them for one holder. Each use is checked against the grant, counted, "
        "and leaves a receipt signed by both sides. Revoking sets a bit on chain and denies the next use.",
    )  # fmt: skip
    p.box(
        20,
        60,
        160,
        100,
        "Asset",
        "terms: purposes,",
        "actions, until when,",
        "how often, price",
        kind="strong",
    )
    p.box(250, 60, 160, 100, "Grant", "for one holder,", "never wider than", "the terms", kind="strong")
    p.box(480, 60, 110, 100, "Use", "one round,", "one call")
    p.box(640, 60, 100, 100, "Receipt", "number n,", "two", "signatures", kind="strong")
    p.arrow((182, 110), (246, 110), label="narrow")
    p.arrow((412, 110), (476, 110), label="check")
    p.arrow((592, 110), (636, 110))
    p.arrow(
        (690, 164), (690, 210), (535, 210), (535, 164), label="counted: the next use is n + 1", at=(612, 228)
    )
    p.box(250, 220, 160, 56, "Revocation", "one bit on chain")
    p.arrow((412, 248), (455, 248), (455, 180), (500, 164), label="denies the next use", at=(475, 268))
    p.text(100, 40, "signed by the owner")
    p.text(330, 40, "signed by the owner")
    p.text(690, 40, "owner and holder")
    return p


def log() -> Picture:
    p = Picture(
        "log", 330, "A log and its anchor",
        "Ids of documents are leaves of a Merkle tree. A checkpoint signs its size and root with the log key. The root "
        "is anchored on chain, where it can only grow. A proof is the few hashes that lead from one entry to the root.",
    )  # fmt: skip
    for place, name in enumerate(("grant", "receipt 1", "receipt 2", "revocation")):
        x = 30 + 105 * place
        p.box(x, 250, 92, 48, name, f"entry {place}", kind="strong" if place == 2 else "box")
        p.arrow((x + 46, 248), (129 if place < 2 else 339, 208))
    p.box(80, 160, 98, 44, "hash", kind="strong")
    p.box(290, 160, 98, 44, "hash")
    p.arrow((129, 158), (222, 118))
    p.arrow((339, 158), (246, 118))
    p.box(170, 70, 128, 44, "root, size 4")
    p.box(370, 64, 150, 58, "Checkpoint", "signed by the log key")
    p.arrow((300, 92), (366, 92))
    p.box(590, 64, 150, 58, "LogAnchors", "on chain; only grows", kind="strong")
    p.arrow((522, 92), (586, 92), label="anchor")
    p.text(600, 200, "Shaded hash and its sister entry 3", "note")
    p.text(600, 218, "are all it takes to prove entry 2:", "note")
    p.text(600, 236, "log2(n) hashes, whatever n is", "note")
    p.text(262, 320, "an entry holds an id and a type; the document itself stays private until shown")
    return p


def vault() -> Picture:
    p = Picture(
        "vault", 280, "What lies on disk",
        "A table is checked, written as canonical bytes and sealed as an age file under an epoch identity. The epoch's "
        "secret is wrapped with HPKE for each holder, at first the owner alone. The sealed payload goes to a folder or "
        "an S3 store under the hash of its bytes.",
    )  # fmt: skip
    p.box(20, 90, 120, 70, "Your table", "CSV or Parquet")
    p.box(200, 90, 150, 70, "age file", "encrypted for", "this epoch", kind="strong")
    p.box(410, 90, 150, 70, "Blob", "named by the hash", "of its bytes")
    p.box(620, 90, 120, 70, "Folder or S3", "sees noise")
    p.arrow((142, 125), (196, 125), label="seal")
    p.arrow((352, 125), (406, 125))
    p.arrow((562, 125), (616, 125))
    p.box(200, 205, 150, 56, "Epoch secret", "new after revoking")
    p.arrow((275, 203), (275, 164))
    p.box(
        410,
        205,
        330,
        56,
        "HPKE envelope for each holder",
        "names asset and epoch; opened by X25519",
        kind="strong",
    )
    p.arrow((352, 233), (406, 233))
    p.box(200, 20, 360, 46, "Asset document: commitment, blob, columns", kind="box")
    p.arrow((485, 88), (485, 70))
    return p


def training() -> Picture:
    p = Picture(
        "training", 410, "A run, from its plan to its release",
        "A plan that names owners, noise, epsilon and a committed test table is stamped on chain; each owner grants this "
        "run. In each round owners commit to a noised sum over their rows, the builder signs who committed to what, owners "
        "reveal, and everybody computes the next model. Then the test table is opened, owners recompute the shares and "
        "sign, and the model is released with a split that is fixed on chain.",
    )  # fmt: skip
    p.box(20, 24, 210, 72, "Plan", "owners, noise, epsilon, test;", "its hash is stamped on chain")
    p.box(275, 24, 210, 72, "Grants", "each owner's own,", "for this run and no other", kind="strong")
    p.box(530, 24, 210, 72, "Test table", "committed to in the plan,", "kept until the end")
    p.arrow((232, 60), (271, 60))
    p.arrow((380, 98), (380, 124))
    p.frame(20, 128, 690, 172, "each round")
    steps = (
        ("1  Commit", "owners sign the hash", "of sum + noise"),
        ("2  Sign", "builder: who", "committed to what"),
        ("3  Reveal", "owners show what", "they committed to"),
        ("4  Step", "everybody computes", "the next model"),
    )
    for place, (name, *lines) in enumerate(steps):
        x = 36 + 171 * place
        p.box(x, 164, 146, 72, name, *lines, kind="box" if place == 1 else "strong")
        if place:
            p.arrow((x - 23, 200), (x - 3, 200))
    p.arrow((622, 238), (622, 264), (109, 264), (109, 240), label="as often as the plan says", at=(365, 284))
    p.arrow((622, 302), (622, 324))
    p.arrow((725, 98), (725, 324))
    p.box(530, 328, 210, 66, "Open", "the test table, to all")
    p.box(275, 328, 210, 66, "Agree", "owners recompute", "values and shares, and sign", kind="strong")
    p.box(20, 328, 210, 66, "Release", "once a majority of rows agreed;", "split fixed on chain")
    p.arrow((528, 361), (489, 361))
    p.arrow((273, 361), (234, 361))
    return p


def money() -> Picture:
    p = Picture(
        "money", 320, "Where money goes",
        "A builder pays the price of a grant straight to the owner through Market. A buyer fills a channel and pays "
        "calls by voucher. The seller settles vouchers into the revenue pool; each owner claims its share. What is not "
        "spent goes back to the buyer.",
    )  # fmt: skip
    p.box(20, 30, 130, 60, "Builder", "buys grants")
    p.box(300, 30, 150, 60, "Market", "keeps nothing", kind="strong")
    p.box(610, 30, 130, 60, "Data owner")
    p.arrow((152, 60), (296, 60), label="grant price", money=True)
    p.arrow((452, 60), (606, 60), label="same transaction", money=True)
    p.box(20, 190, 130, 60, "Buyer", "vouchers, off chain")
    p.box(230, 190, 150, 60, "Channel", "holds the deposit", kind="strong")
    p.box(460, 190, 130, 60, "Revenue pool", "split fixed", kind="strong")
    p.arrow((152, 220), (226, 220), label="deposit", money=True)
    p.arrow((382, 220), (456, 220), label="settle", money=True)
    p.arrow((592, 205), (675, 205), (675, 94), label="claim", at=(702, 150), money=True)
    p.arrow(
        (305, 252),
        (305, 290),
        (85, 290),
        (85, 254),
        label="what was not spent, after a day",
        at=(195, 308),
        money=True,
    )
    p.text(525, 285, "paid out = total in * your shares / all shares,")
    p.text(525, 302, "less what you have claimed")
    return p


def evidence() -> Picture:
    p = Picture(
        "evidence", 330, "What evidence links",
        "From an answer's receipt hashes and signatures lead to its grant, the model, the recorded rounds, the owners' "
        "receipts, grants and data commitments. Every document is in a log, every log's root is on chain, and all of it "
        "hangs on one block hash that the reader compares.",
    )  # fmt: skip
    names = (
        ("Receipt", "of one answer"), ("Model", "hash of weights"), ("Rounds", "all updates"),
        ("Receipts", "of owners"), ("Data", "commitments"),
    )  # fmt: skip
    for place, (name, line) in enumerate(names):
        x = 20 + 148 * place
        p.box(x, 40, 126, 60, name, line, kind="strong" if place in {0, 4} else "box")
        if place:
            p.arrow((x - 20, 70), (x - 2, 70))
        p.arrow((x + 63, 102), (x + 63, 146))
    p.box(20, 150, 718, 46, "Logs: each document is an entry, proven by a few hashes")
    p.arrow((230, 198), (230, 232), label="roots", at=(254, 220))
    p.box(
        20,
        236,
        420,
        60,
        "Chain: anchors, revocations, purchases, split",
        "storage proofs against one block header",
    )
    p.arrow((442, 266), (506, 266))
    p.box(510, 236, 228, 60, "One block hash", "you compare it yourself", kind="strong")
    return p


PICTURES = (who_sees_what, overview, parties, grants, log, vault, training, money, evidence)


def main() -> int:
    stale = []
    for draw in PICTURES:
        picture = draw()
        path = TARGET / f"{picture.name}.svg"
        if not path.exists() or path.read_text() != picture.svg():
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(picture.svg())
    print(f"{'stale' if '--check' in sys.argv else 'written'}: {', '.join(stale) or 'nothing'}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
