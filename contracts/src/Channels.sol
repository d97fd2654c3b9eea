// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ExactTransfers} from "./ExactTransfers.sol";
import {Revenue} from "./Revenue.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title Prepaid channels from a payer into a revenue pool
/// @notice The payer locks money once and signs vouchers for growing sums, at no gas; anybody settles the newest into
/// the pool. The pool's side trusts only the lock: it must settle within a day of `CloseRequested`. The payer trusts
/// only its signatures: all that no voucher covers comes back to it. Nobody else can move a channel's money.
/// A voucher by the payer's own key counts whatever becomes of the account. One that a contract account vouches for
/// (ERC-1271) counts only while that contract says so: whoever serves against those trusts the contract as well.
contract Channels is SignedActs, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Channel {
        address payer;
        /// Unix seconds from which the payer can withdraw; zero while open, all ones once withdrawn.
        uint64 closesAt;
        bytes32 pool;
        /// Units ever locked, and ever paid to the pool.
        uint128 deposited;
        uint128 settled;
    }

    bytes32 private constant VOUCHER_TYPE_HASH = keccak256("Voucher(bytes32 channel,uint256 cumulative)");
    bytes32 private constant REQUEST_CLOSE_TYPE_HASH = keccak256("RequestClose(bytes32 channel,uint256 deadline)");
    uint64 private constant WITHDRAWN = type(uint64).max;

    /// @notice How long vouchers can still be settled after the payer asks to close.
    uint64 public constant CLOSE_DELAY = 1 days;

    /// @notice Where settled money goes. Fixed at deployment.
    Revenue public immutable REVENUE;

    /// @dev Storage slot 0; proofs of state read it.
    mapping(bytes32 channel => Channel) private _channels;

    /// @notice `payer` locked `amount` for `pool`.
    event ChannelOpened(bytes32 indexed channel, address indexed payer, bytes32 indexed pool, uint256 amount);
    /// @notice `amount` more was locked.
    event ChannelToppedUp(bytes32 indexed channel, uint256 amount);
    /// @notice A voucher for `cumulative` moved `paid` into the pool.
    event ChannelSettled(bytes32 indexed channel, uint256 cumulative, uint256 paid);
    /// @notice The payer can withdraw from `closesAt`; settle before.
    event CloseRequested(bytes32 indexed channel, uint256 closesAt);
    /// @notice `amount` went back to the payer and the channel ended.
    event ChannelWithdrawn(bytes32 indexed channel, uint256 amount);

    /// @notice A channel opens once, so that an old voucher can never count again.
    error ChannelExists(bytes32 channel);
    /// @notice There is no such channel.
    error UnknownChannel(bytes32 channel);
    /// @notice The pool takes no money: it was not opened.
    error UnknownPool(bytes32 pool);
    /// @notice Nothing would be locked, or the channel would hold 2^128 units or more.
    error InvalidAmount(uint256 amount);
    /// @notice The voucher is not above the `settled` sum: nothing would move.
    error NothingToSettle(uint256 settled, uint256 cumulative);
    /// @notice The voucher is above the `deposited` sum; none of it is paid.
    error VoucherExceedsDeposit(uint256 deposited, uint256 cumulative);
    /// @notice Only the payer can ask to close.
    error NotThePayer(address payer, address sender);
    /// @notice The payer has asked to close, or the channel has ended.
    error ChannelClosing(bytes32 channel);
    /// @notice The payer can withdraw from `closesAt`; zero means it has not asked to close.
    error NotYetWithdrawable(uint256 closesAt);
    /// @notice The payer has withdrawn; the channel is over.
    error ChannelEnded(bytes32 channel);

    /// @param revenue The `Revenue` contract whose pools the channels pay into.
    constructor(Revenue revenue) {
        REVENUE = revenue;
    }

    /// @notice Locks `amount` of the pool's token, by allowance, for vouchers the caller will sign.
    function open(bytes32 pool, uint256 amount, bytes32 salt) external nonReentrant returns (bytes32 channel) {
        address token;
        (channel, token) = _open(msg.sender, pool, amount, salt);
        ExactTransfers.move(token, msg.sender, address(this), amount);
    }

    /// @notice Locks `amount` by an EIP-3009 authorization of `payer` to this contract, with the channel's id as its
    /// nonce: whoever submits it cannot open another channel with it.
    function openWithAuthorization(
        address payer,
        bytes32 pool,
        uint256 amount,
        bytes32 salt,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata sig
    ) external nonReentrant returns (bytes32 channel) {
        address token;
        (channel, token) = _open(payer, pool, amount, salt);
        ExactTransfers.collect(token, payer, amount, validAfter, validBefore, channel, sig);
    }

    /// @notice Locks `amount` more, by the caller's allowance. Anybody may; what is left goes back to the payer.
    function topUp(bytes32 channel, uint256 amount) external nonReentrant {
        address token = _topUp(channel, amount);
        ExactTransfers.move(token, msg.sender, address(this), amount);
    }

    /// @notice Locks `amount` more by an EIP-3009 authorization of `from` to this contract, with the nonce
    /// keccak256(abi.encode(channel, salt)).
    function topUpWithAuthorization(
        bytes32 channel,
        address from,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata sig
    ) external nonReentrant {
        address token = _topUp(channel, amount);
        bytes32 nonce = keccak256(abi.encode(channel, salt));
        ExactTransfers.collect(token, from, amount, validAfter, validBefore, nonce, sig);
    }

    /// @notice Pays into the pool what a voucher of the payer is worth beyond what was settled. Anybody may send it;
    /// a voucher pays once, an older one nothing. Possible until the payer has withdrawn.
    function settle(bytes32 channel, uint256 cumulative, bytes calldata sig) external nonReentrant {
        Channel storage state = _existing(channel);
        if (state.closesAt == WITHDRAWN) revert ChannelEnded(channel);
        uint256 settled = state.settled;
        if (cumulative <= settled) revert NothingToSettle(settled, cumulative);
        if (cumulative > state.deposited) revert VoucherExceedsDeposit(state.deposited, cumulative);
        _requireVoucher(state.payer, keccak256(abi.encode(VOUCHER_TYPE_HASH, channel, cumulative)), sig);
        state.settled = uint128(cumulative);
        uint256 paid = cumulative - settled;
        emit ChannelSettled(channel, cumulative, paid);
        bytes32 pool = state.pool;
        IERC20(_tokenOf(pool)).forceApprove(address(REVENUE), paid);
        REVENUE.deposit(pool, paid);
    }

    /// @notice The payer announces that it will withdraw, in `CLOSE_DELAY` or later.
    function requestClose(bytes32 channel) external {
        Channel storage state = _existing(channel);
        if (msg.sender != state.payer) revert NotThePayer(state.payer, msg.sender);
        _requestClose(state, channel);
    }

    /// @notice The same by the payer's signature. Anybody may submit it; it takes effect once.
    function requestCloseBySig(bytes32 channel, uint256 deadline, bytes calldata sig) external {
        Channel storage state = _existing(channel);
        bytes32 act = keccak256(abi.encode(REQUEST_CLOSE_TYPE_HASH, channel, deadline));
        _requireSignedBefore(state.payer, act, deadline, sig);
        _requestClose(state, channel);
    }

    /// @notice Ends the channel and returns all that was not settled to the payer. Anybody may send it once the delay
    /// is over; the money goes to the payer.
    function withdraw(bytes32 channel) external nonReentrant returns (uint256 amount) {
        Channel storage state = _existing(channel);
        uint64 closesAt = state.closesAt;
        if (closesAt == WITHDRAWN) revert ChannelEnded(channel);
        if (closesAt == 0 || block.timestamp < closesAt) revert NotYetWithdrawable(closesAt);
        amount = state.deposited - state.settled;
        state.closesAt = WITHDRAWN;
        emit ChannelWithdrawn(channel, amount);
        if (amount != 0) IERC20(_tokenOf(state.pool)).safeTransfer(state.payer, amount);
    }

    /// @notice The channel's state; all zero if there is none. `closesAt` is 2^64 - 1 once it has ended.
    function channelOf(bytes32 channel)
        external
        view
        returns (address payer, bytes32 pool, uint256 deposited, uint256 settled, uint256 closesAt)
    {
        Channel storage state = _channels[channel];
        return (state.payer, state.pool, state.deposited, state.settled, state.closesAt);
    }

    function _open(address payer, bytes32 pool, uint256 amount, bytes32 salt)
        private
        returns (bytes32 channel, address token)
    {
        channel = keccak256(abi.encode(payer, pool, salt));
        Channel storage state = _channels[channel];
        if (state.payer != address(0)) revert ChannelExists(channel);
        if (amount == 0 || amount > type(uint128).max) revert InvalidAmount(amount);
        token = _tokenOf(pool);
        if (token == address(0)) revert UnknownPool(pool);
        (state.payer, state.pool, state.deposited) = (payer, pool, uint128(amount));
        emit ChannelOpened(channel, payer, pool, amount);
    }

    function _topUp(bytes32 channel, uint256 amount) private returns (address token) {
        Channel storage state = _existing(channel);
        if (state.closesAt != 0) revert ChannelClosing(channel);
        uint256 deposited = state.deposited;
        if (amount == 0 || amount > type(uint128).max - deposited) revert InvalidAmount(amount);
        state.deposited = uint128(deposited + amount);
        emit ChannelToppedUp(channel, amount);
        return _tokenOf(state.pool);
    }

    function _requestClose(Channel storage state, bytes32 channel) private {
        if (state.closesAt != 0) revert ChannelClosing(channel);
        uint64 closesAt = uint64(block.timestamp) + CLOSE_DELAY;
        state.closesAt = closesAt;
        emit CloseRequested(channel, closesAt);
    }

    /// @dev The key first: a payer that takes on code after it was served (EIP-7702) must not void its vouchers by it.
    function _requireVoucher(address payer, bytes32 act, bytes calldata sig) private view {
        bytes32 digest = _digest(act);
        (address recovered, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, sig);
        if (problem != ECDSA.RecoverError.NoError || recovered != payer) _requireSigned(payer, digest, sig);
    }

    function _existing(bytes32 channel) private view returns (Channel storage state) {
        state = _channels[channel];
        if (state.payer == address(0)) revert UnknownChannel(channel);
    }

    function _tokenOf(bytes32 pool) private view returns (address token) {
        (token,,,,) = REVENUE.poolOf(pool);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Channels";
    }
}
