"""How fast privacy noise is drawn, and what its accounting costs.

Run: python bench/noise.py
"""

import time

from freehold.features.privacy.rules import noise, privacy

SEED = bytes(range(32))
SAMPLES = 4_000_000


def best_of(repeats, job):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def fresh_table(sigma):
    noise.thresholds.cache_clear()
    noise.thresholds(sigma)


def drawing(sigma):
    table = best_of(3, lambda: fresh_table(sigma))
    draw = best_of(3, lambda: noise.gaussian(SEED, sigma, SAMPLES))
    print(
        f"sigma {sigma:>6,}: {SAMPLES / draw / 1e6:>5.1f} M samples/s on one core, table made in {table * 1e3:.1f} ms"
    )


def compositions():
    """Rho and epsilon after each of 1,000 rounds."""
    for rounds in range(1, 1_001):
        privacy.epsilon_micro(privacy.rho_nano(5, 400, rounds), 6)


def accounting():
    print(f"rho and epsilon after each of 1,000 rounds: {best_of(3, compositions) * 1e3:.0f} ms")
    inverse = best_of(5, lambda: privacy.rho_nano_for(2_000_000, 6))
    print(f"largest rho for an epsilon: {inverse * 1e3:.1f} ms")


def main():
    for sigma in (10, 1_000, 10_000):
        drawing(sigma)
    accounting()


if __name__ == "__main__":
    main()
