"""Calls made to keep a chain busy: each kind of work that gas buys cheaply, as much of it as a call can pay."""

from hashlib import sha256

GAS = hex(30_000_000)
TARGET = "0x" + "22" * 20
OTHER = "0x" + "33" * 20


def _looped(body, before=""):
    """Code that does `before` once, then `body` for ever."""
    start = len(before) // 2
    return f"{before}5b{body}61{start:04x}56"


def _word(value):
    return "7f" + f"{value:064x}"


def _call(address, size, *, at=0, out=0):
    """STATICCALL to a precompile with all gas; drops its result."""
    return f"6000{'6000'}62{size:06x}62{at:06x}60{address:02x}5afa50"


def _stored(data):
    """MSTORE of each word of the data, from 0 on."""
    code = ""
    padded = data + bytes(-len(data) % 32)
    for at in range(0, len(padded), 32):
        code += "7f" + padded[at : at + 32].hex() + f"61{at:04x}52"
    return code


_G1 = (1).to_bytes(32, "big") + (2).to_bytes(32, "big")
_G2 = bytes.fromhex(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
    "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
    "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
    "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
)
_BLS_G1 = bytes.fromhex(
    "0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac58"
    "6c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4"
    "fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1"
)


_INFINITY = b"\xc0" + bytes(47)
_POINT_EVALUATION = b"\1" + sha256(_INFINITY).digest()[1:] + bytes(64) + _INFINITY * 2


def _lengths(*sizes):
    return b"".join(size.to_bytes(32, "big") for size in sizes)


def _blake(rounds):
    return rounds.to_bytes(4, "big") + bytes(208) + b"\1"


BODIES = {
    # the machine's own instructions
    "tight loop": _looped(""),
    "sums": _looped("6001600101" * 200 + "50" * 200),
    "addmod": _looped("600019600019600019" + "08" + "50"),
    "exp": _looped("600019600019" + "0a" + "50"),
    "signed division": _looped("600019600260000305" + "50"),
    "keccak of little": _looped("600060002050"),
    "keccak of megabytes": _looped("62380000600020" + "50"),
    "memory expansion": _looped("60006238000052"),
    "memory copy": _looped("62380000600060005e"),
    "calldata copy": _looped("623800006000600037"),
    "code copy": _looped("623800006000600039"),
    "other code": _looped("5a3b50"),
    "balances": _looped("5a3150"),
    "block hashes": _looped("60014303" + "4050"),
    "cold slots": _looped("5a5450"),
    "written slots": _looped("5a5a55"),
    "transient slots": _looped("5a5a5d"),
    "logs": _looped("61200060 00a0".replace(" ", "")),
    "gas": _looped("5a50" * 300),
    # calls and creations
    "calls of nobody": _looped("600060006000600060005afa50".replace("60005afa", "60ff5afa")),
    "calls with megabytes": _looped("60006000623800006000" + "60ff5afa50"),
    "recursion": "5b" + "6000600060006000" + "6000305af150",
    "creations": _looped("600060006000f050"),
    "creations of much": _looped("61c00060006000f050"),
    # precompiles
    "ecrecover": _looped(_call(1, 128), _stored(b"\1" * 32 + bytes(31) + b"\x1b" + b"\1" * 64)),
    "sha256": _looped(_call(2, 0x380000)),
    "ripemd160": _looped(_call(3, 0x380000)),
    "identity": _looped(_call(4, 0x380000)),
    "modexp of 8,192 bits": _looped(
        _call(5, 96 + 660 + 2048),
        _stored(_lengths(1024, 660, 1024) + b"\xfe" * 1024 + b"\xff" * (660 + 1024)),
    ),
    "modexp of 256 bits": _looped(
        _call(5, 96 + 64 + 1024), _stored(_lengths(32, 1024, 32) + b"\xfe" * 32 + b"\xff" * (1024 + 32))
    ),
    "modexp of a huge exponent": _looped(
        _call(5, 96 + 64 + 700_000),
        _stored(_lengths(32, 700_000, 32) + b"\xff" * 64) + "600019620a0000" + "52",
    ),
    "ecadd": _looped(_call(6, 128), _stored(_G1 + _G1)),
    "ecmul": _looped(_call(7, 96), _stored(_G1 + b"\xff" * 32)),
    "pairing of one": _looped(_call(8, 192), _stored(_G1 + _G2)),
    "pairing of 100": _looped(_call(8, 192 * 100), _stored((_G1 + _G2) * 100)),
    "blake2f of 2^32-1 rounds": _looped(_call(9, 213), _stored(_blake(2**32 - 1))),
    "blake2f of all gas": _looped(_call(9, 213), _stored(_blake(29_000_000))),
    "blake2f of 100,000 rounds": _looped(_call(9, 213), _stored(_blake(100_000))),
    "blake2f of 12 rounds": _looped(_call(9, 213), _stored(_blake(12))),
    "point evaluation": _looped(_call(10, 192), _stored(_POINT_EVALUATION)),
    "BLS addition": _looped(_call(0x0B, 256), _stored(_BLS_G1 * 2)),
    "BLS multiplication": _looped(_call(0x0C, 160 * 128), _stored((_BLS_G1 + b"\xff" * 32) * 128)),
    "BLS map to G2": _looped(_call(0x11, 128), _stored(bytes(127) + b"\1")),
}
"""Code by what it does."""


def call(name, method="eth_call"):
    """Method and parameters of the hostile call of this name."""
    asked = {"to": TARGET, "gas": GAS}
    supposed = {TARGET: {"code": "0x" + BODIES[name]}}
    if method == "debug_traceCall":
        return method, [asked, "latest", {"tracer": "callTracer", "stateOverrides": supposed}]
    if method == "eth_simulateV1":
        block = {"stateOverrides": supposed, "calls": [asked]}
        return method, [{"blockStateCalls": [block], "traceTransfers": True}]
    return method, [asked, "latest", supposed]
