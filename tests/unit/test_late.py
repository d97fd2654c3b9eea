"""What is loaded late is loaded by whoever uses it first, and nobody waits for what is not used."""

import doctest
import subprocess
import sys

from freehold.core import late

LIBRARIES = ("numpy", "cramjam", "jinja2", "babel", "joserfc", "zxcvbn")


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_late_module_is_the_module():
    assert doctest.testmod(late).failed == 0
    wave = late.Late("wave")
    assert "Wave_read" not in vars(wave)
    import wave as real

    assert wave.Wave_read is real.Wave_read
    assert vars(wave)["Wave_read"] is real.Wave_read, "the next look is as quick as any"


def test_threads_that_use_it_first_together_all_have_it():
    code = """
from concurrent.futures import ThreadPoolExecutor
from freehold.core.late import np
with ThreadPoolExecutor(8) as pool:
    print(set(pool.map(lambda n: int(np.arange(n).sum()), [5] * 64)))
"""
    assert run(code) == "{10}\n"


def test_a_node_starts_without_what_only_tables_training_and_the_console_need():
    code = f"""
import sys
import freehold.shell.cli.node, freehold.shell.daemon, freehold.shell.web.unvisited
from freehold.kernel.registry import everything
everything()
print([one for one in {LIBRARIES} if one in sys.modules])
"""
    assert run(code) == "[]\n"


def test_parts_of_libraries_that_nobody_uses_are_left_out_and_the_libraries_work():
    code = """
import sys
from freehold.shell import unused
unused.leave_out()
import coincurve, fastapi, httpx, pydantic
from eth_hash.auto import keccak
assert keccak(b"").hex().startswith("c5d2460186f7233c")
assert coincurve.PrivateKey(b"\\1" * 32).sign_recoverable(b"\\2" * 32, hasher=None)
app = fastapi.FastAPI()
class Asked(pydantic.BaseModel):
    number: int
def typed(asked: Asked) -> int:
    return asked.number
app.post("/sum")(typed)
from fastapi.testclient import TestClient
print(TestClient(app).post("/sum", json={"number": 4}).json(), *(sys.modules[one] for one in unused.PARTS), "rich" in sys.modules)
"""
    assert run(code) == "4 None None None False\n"
