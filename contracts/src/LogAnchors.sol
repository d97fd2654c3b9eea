// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {SignedActs} from "./SignedActs.sol";

/// @title The newest root of each account's log
/// @notice Fixes what an account's log said, and when, so that it cannot later show another history. The contract
/// does not see the log: that a root extends the earlier one is proved off chain, with the log's consistency proof.
contract LogAnchors is SignedActs {
    struct Head {
        /// RFC 6962 root of the first `size` entries.
        bytes32 root;
        uint64 size;
        /// Unix seconds of the block.
        uint64 anchoredAt;
    }

    bytes32 private constant ANCHOR_TYPE_HASH =
        keccak256("Anchor(address account,uint64 size,bytes32 root,uint256 deadline)");

    /// @dev Storage slot 0; proofs of state read it.
    mapping(address account => Head) private _heads;

    /// @notice `account` now stands by `root` for its first `size` entries.
    event Anchored(address indexed account, uint64 size, bytes32 root);

    /// @notice A log only grows: `size` must be above `anchored`.
    error SizeMustGrow(uint64 anchored, uint64 size);

    /// @notice Anchors the caller's own log. Nobody can anchor, change or remove another account's head.
    function anchor(uint64 size, bytes32 root) external {
        _anchor(msg.sender, size, root);
    }

    /// @notice Anchors the log of `account` by its signature. Anybody may submit it; because the size must grow, it
    /// takes effect at most once, and a submitter can only delay it.
    function anchorBySig(address account, uint64 size, bytes32 root, uint256 deadline, bytes calldata sig) external {
        bytes32 act = keccak256(abi.encode(ANCHOR_TYPE_HASH, account, size, root, deadline));
        _requireSignedBefore(account, act, deadline, sig);
        _anchor(account, size, root);
    }

    /// @notice The newest anchored head of `account`; all zero if there is none.
    function headOf(address account) external view returns (bytes32 root, uint64 size, uint64 anchoredAt) {
        Head storage head = _heads[account];
        return (head.root, head.size, head.anchoredAt);
    }

    function _anchor(address account, uint64 size, bytes32 root) private {
        Head storage head = _heads[account];
        uint64 anchored = head.size;
        if (size <= anchored) revert SizeMustGrow(anchored, size);
        head.root = root;
        (head.size, head.anchoredAt) = (size, uint64(block.timestamp));
        emit Anchored(account, size, root);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Log Anchors";
    }
}
