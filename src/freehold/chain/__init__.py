"""The one door to an EVM network: client, local node, deployments and proofs.

    rpc          JSON-RPC over HTTP: `Rpc(url).call("eth_blockNumber")`
    client       `Chain(rpc)`: read, send and watch contracts by name
    deployments  the contracts' artifacts and their CREATE2 addresses
    proof        what a chain stored, provable offline from a block hash
    embedded     a node of our own, so that a chain is always at hand

Everything else in Freehold reaches a chain through these; nothing else speaks JSON-RPC.
"""
