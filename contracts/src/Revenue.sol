// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ExactTransfers} from "./ExactTransfers.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title What a model earns, split among its owners
/// @notice One pool a model, with a split fixed when it opens: a Merkle root over (account, shares). Whoever opens a
/// pool decides the split and whoever pays in should have looked at it; afterwards nobody, the opener included, can
/// change it, take more than a share, or stop a claim. A pool pays out at most what it took in, whatever its split
/// says, so no pool can reach another's money. All trust the pool's token.
contract Revenue is SignedActs, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Pool {
        address token;
        uint96 totalShares;
        bytes32 splitRoot;
        /// Units ever paid in, and ever paid out.
        uint128 totalIn;
        uint128 paidOut;
    }

    bytes32 private constant OPEN_TYPE_HASH = keccak256(
        "Open(address opener,bytes32 model,address token,bytes32 splitRoot,uint256 totalShares,uint256 deadline)"
    );

    /// @dev Storage slot 0; proofs of state read it.
    mapping(bytes32 pool => Pool) private _pools;

    /// @notice Units ever paid to `account` from `pool`.
    /// @dev Storage slot 1.
    mapping(bytes32 pool => mapping(address account => uint256)) public claimed;

    /// @notice A pool with an unchangeable split now takes money.
    event PoolOpened(
        bytes32 indexed pool,
        address indexed opener,
        bytes32 indexed model,
        address token,
        bytes32 splitRoot,
        uint256 totalShares
    );
    /// @notice `from` paid `amount` into `pool`.
    event Deposited(bytes32 indexed pool, address indexed from, uint256 amount);
    /// @notice `account` was paid `amount` from `pool`.
    event Claimed(bytes32 indexed pool, address indexed account, uint256 amount);

    /// @notice The opener has opened a pool for this model before.
    error PoolExists(bytes32 pool);
    /// @notice There is no such pool.
    error UnknownPool(bytes32 pool);
    /// @notice A pool needs a token contract, a root, and 1 to 2^96 - 1 shares.
    error InvalidPool();
    /// @notice Nothing would be paid in, or the pool's sum would pass 2^128 - 1 units.
    error InvalidAmount(uint256 amount);
    /// @notice The proof does not show that `account` holds `shares` of the split.
    error InvalidProof(address account, uint256 shares);
    /// @notice All that `account` is entitled to so far has been paid.
    error NothingToClaim(bytes32 pool, address account);

    /// @notice Opens the caller's pool for `model`. The split cannot change; the sum of the shares in it should be
    /// `totalShares`. If it is less, the rest is never paid; if more, the first to claim are paid.
    function open(bytes32 model, address token, bytes32 splitRoot, uint256 totalShares)
        external
        returns (bytes32 pool)
    {
        return _open(msg.sender, model, token, splitRoot, totalShares);
    }

    /// @notice Opens a pool of `opener` by its signature. Anybody may submit it; it takes effect once.
    function openBySig(
        address opener,
        bytes32 model,
        address token,
        bytes32 splitRoot,
        uint256 totalShares,
        uint256 deadline,
        bytes calldata sig
    ) external returns (bytes32 pool) {
        bytes32 act =
            keccak256(abi.encode(OPEN_TYPE_HASH, opener, model, token, splitRoot, totalShares, deadline));
        _requireSignedBefore(opener, act, deadline, sig);
        return _open(opener, model, token, splitRoot, totalShares);
    }

    /// @notice Pays into a pool by allowance. The payment is final.
    function deposit(bytes32 pool, uint256 amount) external nonReentrant {
        address token = _credit(pool, msg.sender, amount);
        ExactTransfers.move(token, msg.sender, address(this), amount);
    }

    /// @notice Pays into a pool by an EIP-3009 authorization of `from` to this contract, with the nonce
    /// keccak256(abi.encode(pool, salt)): whoever submits it cannot pay it into another pool. The payment is final.
    function depositWithAuthorization(
        bytes32 pool,
        address from,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata sig
    ) external nonReentrant {
        address token = _credit(pool, from, amount);
        bytes32 nonce = keccak256(abi.encode(pool, salt));
        ExactTransfers.collect(token, from, amount, validAfter, validBefore, nonce, sig);
    }

    /// @notice Pays `account` all that it is entitled to and was not paid yet. Anybody may send it; the money goes to
    /// `account`. An account the token refuses to pay holds up nobody else.
    function claim(bytes32 pool, address account, uint256 shares, bytes32[] calldata proof)
        external
        nonReentrant
        returns (uint256 paid)
    {
        Pool storage state = _pools[pool];
        (address token, uint256 totalShares) = (state.token, state.totalShares);
        if (shares > totalShares) revert InvalidProof(account, shares);
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(account, shares))));
        if (!MerkleProof.verifyCalldata(proof, state.splitRoot, leaf)) revert InvalidProof(account, shares);
        (uint256 totalIn, uint256 paidOut) = (state.totalIn, state.paidOut);
        uint256 before = claimed[pool][account];
        paid = _due(totalIn, paidOut, totalShares, shares, before);
        if (paid == 0) revert NothingToClaim(pool, account);
        claimed[pool][account] = before + paid;
        (state.totalIn, state.paidOut) = (uint128(totalIn), uint128(paidOut + paid));
        emit Claimed(pool, account, paid);
        IERC20(token).safeTransfer(account, paid);
    }

    /// @notice What `claim` would pay now to `account`, if the split gives it `shares`; zero if there is no pool.
    function claimable(bytes32 pool, address account, uint256 shares) external view returns (uint256) {
        Pool storage state = _pools[pool];
        uint256 totalShares = state.totalShares;
        if (shares > totalShares || totalShares == 0) return 0;
        return _due(state.totalIn, state.paidOut, totalShares, shares, claimed[pool][account]);
    }

    /// @notice The pool's terms and sums; all zero if there is none.
    function poolOf(bytes32 pool)
        external
        view
        returns (address token, bytes32 splitRoot, uint256 totalShares, uint256 totalIn, uint256 paidOut)
    {
        Pool storage state = _pools[pool];
        return (state.token, state.splitRoot, state.totalShares, state.totalIn, state.paidOut);
    }

    function _open(address opener, bytes32 model, address token, bytes32 splitRoot, uint256 totalShares)
        private
        returns (bytes32 pool)
    {
        pool = keccak256(abi.encode(opener, model));
        Pool storage state = _pools[pool];
        if (state.token != address(0)) revert PoolExists(pool);
        if (token.code.length == 0 || splitRoot == 0 || totalShares == 0 || totalShares > type(uint96).max) {
            revert InvalidPool();
        }
        (state.token, state.totalShares, state.splitRoot) = (token, uint96(totalShares), splitRoot);
        emit PoolOpened(pool, opener, model, token, splitRoot, totalShares);
    }

    function _credit(bytes32 pool, address from, uint256 amount) private returns (address token) {
        Pool storage state = _pools[pool];
        token = state.token;
        if (token == address(0)) revert UnknownPool(pool);
        uint256 totalIn = state.totalIn;
        if (amount == 0 || amount > type(uint128).max - totalIn) revert InvalidAmount(amount);
        state.totalIn = uint128(totalIn + amount);
        emit Deposited(pool, from, amount);
    }

    /// @dev Below 2^224: `totalIn` < 2^128, `shares` <= `totalShares` < 2^96. `totalIn` only grows, so an entitlement
    /// never falls under what was paid for it; a split that lists an account twice can pay it for the larger share.
    function _due(uint256 totalIn, uint256 paidOut, uint256 totalShares, uint256 shares, uint256 before)
        private
        pure
        returns (uint256)
    {
        unchecked {
            uint256 entitled = totalIn * shares / totalShares;
            if (entitled <= before) return 0;
            uint256 left = totalIn - paidOut;
            return entitled - before < left ? entitled - before : left;
        }
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Revenue";
    }
}
