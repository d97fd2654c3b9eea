"""What must have happened in a run, as the machines name it."""

SIGNED = ("anchor", "revoke", "register", "release")
COMMON = {
    *("mint", "buy by allowance", "buy by authorization", "buy_again", "send_money_astray", "let_a_day_pass"),
    *("deposit by allowance", "deposit by authorization", "claim", "claim twice", "claim as a stranger"),
    *("open by allowance", "open by authorization", "settle", "settle refused: NothingToSettle"),
    *("settle refused: VoucherExceedsDeposit", "forge", "request_close", "withdraw", "withdraw early"),
    *SIGNED,
    *(f"{act} by signature" for act in SIGNED),
    *("anchor refused: SizeMustGrow", "revoke refused: AlreadyRevoked", "move_token", "move_shares"),
    *("stamp", "stamp refused: AlreadyStamped"),
}
"""In a short run of all contracts."""
RARE = {
    *("top_up by allowance", "top_up by authorization", "withdraw twice", "settle refused: ChannelEnded"),
    *("request_close by signature", "request_close refused: ChannelClosing"),
    *("request_close refused: NotThePayer", "request_close refused: InvalidSignature"),
    *("move_token of another", "register refused: AlreadyRegistered", "release refused: AlreadyReleased"),
    *(f"{act} by signature refused: SignatureExpired" for act in SIGNED),
    *(f"{act} by signature refused: InvalidSignature" for act in SIGNED),
}
"""Besides, in a long one and in a run of one contract."""
