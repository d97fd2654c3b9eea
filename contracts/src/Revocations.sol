// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {SignedActs} from "./SignedActs.sol";

/// @title Which grants their issuers have revoked
/// @notice One bit a grant, at an index the issuer chose and the grant names. A bit that is set stays set. Documents
/// are signed under this contract's EIP-712 domain, because it decides whether a grant still stands.
contract Revocations is SignedActs {
    bytes32 private constant REVOKE_TYPE_HASH = keccak256("Revoke(address issuer,uint256 index,uint256 deadline)");

    /// @dev Storage slot 0; proofs of state read it. Bit `index % 256` of word `index / 256`.
    mapping(address issuer => mapping(uint256 word => uint256 bits)) private _revoked;

    /// @notice `issuer` revoked the grant at `index`.
    event GrantRevoked(address indexed issuer, uint256 indexed index);

    /// @notice The grant at `index` was revoked before; nothing changes.
    error AlreadyRevoked(address issuer, uint256 index);

    /// @notice Revokes the caller's grant at `index`, for ever. Nobody can revoke another issuer's grant.
    function revoke(uint256 index) external {
        _revoke(msg.sender, index);
    }

    /// @notice Revokes a grant of `issuer` by its signature. Anybody may submit it; it takes effect once.
    function revokeBySig(address issuer, uint256 index, uint256 deadline, bytes calldata sig) external {
        _requireSignedBefore(issuer, keccak256(abi.encode(REVOKE_TYPE_HASH, issuer, index, deadline)), deadline, sig);
        _revoke(issuer, index);
    }

    /// @notice Whether `issuer` revoked the grant at `index`.
    function isRevoked(address issuer, uint256 index) external view returns (bool) {
        return _revoked[issuer][index >> 8] & (1 << (index & 0xff)) != 0;
    }

    function _revoke(address issuer, uint256 index) private {
        mapping(uint256 => uint256) storage words = _revoked[issuer];
        uint256 bits = words[index >> 8];
        uint256 bit = 1 << (index & 0xff);
        if (bits & bit != 0) revert AlreadyRevoked(issuer, index);
        words[index >> 8] = bits | bit;
        emit GrantRevoked(issuer, index);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold";
    }
}
