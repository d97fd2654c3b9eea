// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IPaymentToken} from "./IPaymentToken.sol";

/// @title Token transfers that deliver exactly the stated amount, or revert
/// @notice Tokens that take a fee, or say they paid when they did not, are refused; tokens that return nothing work.
/// @dev Callers hold a reentrancy lock, so no balance moves between the two measurements but by this transfer.
library ExactTransfers {
    using SafeERC20 for IERC20;

    /// @notice The receiver got `received` units where `expected` were owed: the token takes a fee or lies.
    error InexactTransfer(address token, uint256 expected, uint256 received);

    /// @dev Moves `amount` from `from` to `to` by allowance. `from` and `to` must differ.
    function move(address token, address from, address to, uint256 amount) internal {
        uint256 before = IERC20(token).balanceOf(to);
        IERC20(token).safeTransferFrom(from, to, amount);
        _requireReceived(token, to, before, amount);
    }

    /// @dev Sends `amount` of this contract's own balance to `to`, which must not be this contract.
    function send(address token, address to, uint256 amount) internal {
        uint256 before = IERC20(token).balanceOf(to);
        IERC20(token).safeTransfer(to, amount);
        _requireReceived(token, to, before, amount);
    }

    /// @dev Receives `amount` from `from` by an EIP-3009 authorization to this contract. Only this contract can use
    /// the authorization, and `nonce` names the purpose, so whoever submits it cannot give it another one.
    function collect(
        address token,
        address from,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata sig
    ) internal {
        uint256 before = IERC20(token).balanceOf(address(this));
        IPaymentToken(token).receiveWithAuthorization(from, address(this), amount, validAfter, validBefore, nonce, sig);
        _requireReceived(token, address(this), before, amount);
    }

    function _requireReceived(address token, address to, uint256 before, uint256 amount) private view {
        uint256 received = IERC20(token).balanceOf(to) - before;
        if (received != amount) revert InexactTransfer(token, amount, received);
    }
}
