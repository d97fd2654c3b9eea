"""Evidence: everything a stranger needs to check one receipt or one model, as a directory of public files.

1. `state.needed` names the storage slots to prove; `freehold.chain.proof` captures them.
2. `assemble.assemble` puts envelopes, log proofs, training files and that proof under one signed manifest.
3. `bundle.Bundle` writes, reads and sends the files, within bounds.
4. `verify.verify` runs every check, from the block header down to the shares, and never raises on bad
   evidence: each failure is a named check with the file that broke it. It recomputes training by
   `replaying.replay`, or by rules of one's own.

`examples/verify_standalone.py` reaches the same verdict without this package; `docs/evidence.md` has the format.
"""
