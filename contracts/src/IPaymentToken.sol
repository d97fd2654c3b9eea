// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

/// @title The part of EIP-3009, in its form for any signer, that payments here need
/// @notice USD Coin (FiatTokenV2_2) and `TestDollar` have it.
interface IPaymentToken {
    /// @notice Moves `value` from `from` to `to`, which must be the caller, by the signature of `from`.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
