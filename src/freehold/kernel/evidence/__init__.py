"""Evidence: everything a stranger needs to check one receipt or one model, as a directory of public files.

1. `collecting` asks everybody who took part; what belongs to a thing says the feature that made it (`Feature.evidence`).
   `state.needed` names the storage slots to prove; `freehold.chain.proof` captures them.
2. `manifest.assemble` puts envelopes, log proofs, files of features and that proof under one signed manifest.
3. `bundle.Bundle` writes, reads and sends the files, within bounds.
4. `verify.verify` runs every check, from the block header down to the shares, and never raises on bad
   evidence: each failure is a named check with the file that broke it. What features add to it they say in their
   `checks` (`parts.Part`).
5. `proving` gives evidence to others, fetches it, and asks for it before anything is paid.

`examples/verify_standalone.py` reaches the same verdict without this package; `docs/evidence.md` has the format.
"""
