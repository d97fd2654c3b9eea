"""Settings of the gateway."""

from freehold.kernel.installed import Setting

SETTINGS = (
    Setting(
        "keep_answers_days",
        30,
        "How long an answer that was sold, or bought under a key, is kept for a retry; 0 means as long as there is room.",
        least=0,
    ),
    Setting(
        "keep_answers_bytes",
        1024 * 1024 * 1024,
        "Room for sold answers that are kept for a retry, and for bought ones under a key; an eighth of it for one buyer. The oldest go first.",
        least=0,
    ),
)
