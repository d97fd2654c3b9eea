// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title When a hash was first seen
/// @notice Shows that whatever a hash commits to was fixed by then. It says nothing about who stamped it, nor that
/// it is the only one: whoever stamps many hashes can show the one that suits, so the document behind the hash must
/// itself say what it stands for. The contract does not see that document, and a hash hides only what cannot be
/// guessed. The time is the block's, as right as the chain keeps it.
contract Timestamps {
    /// @notice When `hash` was first seen, in Unix seconds; zero if it was not.
    /// @dev Storage slot 0; proofs of state read it.
    mapping(bytes32 hash => uint256) public stampedAt;

    /// @notice `hash` was seen for the first time.
    event Stamped(bytes32 indexed hash);

    /// @notice The hash was stamped before; the first time stands.
    error AlreadyStamped(bytes32 hash);

    /// @notice Records the time of this block for `hash`, for ever. Anybody can stamp any hash, and whoever is ahead
    /// of another with the same one only makes its time earlier.
    function stamp(bytes32 hash) external {
        if (stampedAt[hash] != 0) revert AlreadyStamped(hash);
        stampedAt[hash] = block.timestamp;
        emit Stamped(hash);
    }
}
