// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Test money with the interface of USD Coin
/// @notice Worth nothing: anybody mints it. ERC-20 with EIP-2612 permits and EIP-3009 authorizations, these also in
/// the `bytes` form that contract accounts (ERC-1271) can sign.
contract TestDollar is ERC20Permit, ERC3009 {
    /// @notice At most this much in one mint, so that nobody can exhaust the supply and stop others from minting.
    uint256 public constant MINT_LIMIT = type(uint64).max;

    /// @notice `value` is above `MINT_LIMIT`.
    error MintTooLarge(uint256 value);

    constructor() ERC20("Freehold Test Dollar", "TUSD") ERC20Permit("Freehold Test Dollar") {}

    /// @notice As USD Coin has.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice The version in the EIP-712 domain, for clients that ask for it by this name.
    function version() external pure returns (string memory) {
        return "1";
    }

    /// @notice Makes `value` units for `to`. Anybody may; this is why the token is worth nothing.
    function mint(address to, uint256 value) external {
        if (value > MINT_LIMIT) revert MintTooLarge(value);
        _mint(to, value);
    }

    /// @notice Moves money by a signature of `from`. Anybody may submit it; a contract that acts on the payment must
    /// use `receiveWithAuthorization`, or somebody can submit this ahead of it.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external {
        bytes32 act = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        _requireSigned(from, act, signature);
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @notice Moves money by a signature of `from` to the caller, who must be `to`.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) external {
        bytes32 act = keccak256(
            abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        _requireSigned(from, act, signature);
        if (to != msg.sender) revert ERC20InvalidReceiver(to);
        _transferWithAuthorization(from, to, value, validAfter, validBefore, nonce);
    }

    /// @notice Makes an authorization unusable, by a signature of the account that gave it. Anybody may submit it.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes memory signature) external {
        _requireSigned(authorizer, keccak256(abi.encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce)), signature);
        _cancelAuthorization(authorizer, nonce);
    }

    function _requireSigned(address signer, bytes32 act, bytes memory signature) private view {
        if (!SignatureChecker.isValidSignatureNow(signer, _hashTypedDataV4(act), signature)) {
            revert ERC3009InvalidSignature();
        }
    }
}
