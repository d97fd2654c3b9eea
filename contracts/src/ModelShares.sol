// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC6909TokenSupply} from "@openzeppelin/contracts/token/ERC6909/extensions/ERC6909TokenSupply.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title Who owns how much of a released model
/// @notice A record, made once by whoever releases the model and then fixed for everybody, the releaser included.
/// The id commits to the releaser, so nobody can release in another's name. Shares do not transfer, because revenue
/// is split by the list of the release.
contract ModelShares is ERC6909TokenSupply, SignedActs {
    bytes32 private constant RELEASE_TYPE_HASH =
        keccak256("Release(address releaser,bytes32 model,address[] owners,uint256[] shares,uint256 deadline)");

    /// @notice Longest list of owners, so that a release fits a block.
    uint256 public constant MAX_OWNERS = 256;

    /// @notice `releaser` fixed the owners of `model`.
    event ModelReleased(uint256 indexed id, address indexed releaser, bytes32 indexed model);

    /// @notice The releaser has released this model before.
    error AlreadyReleased(uint256 id);
    /// @notice There must be one to `MAX_OWNERS` owners and as many shares.
    error InvalidOwnerCount(uint256 owners, uint256 shares);
    /// @notice `owner` is listed with no share.
    error ZeroShare(address owner);
    /// @notice `owner` is listed twice.
    error DuplicateOwner(address owner);
    /// @notice Shares stay with the owners of the release.
    error NotTransferable();

    /// @notice Fixes the owners of the caller's `model`. Owners need not consent and cannot refuse.
    function release(bytes32 model, address[] calldata owners, uint256[] calldata shares)
        external
        returns (uint256 id)
    {
        return _release(msg.sender, model, owners, shares);
    }

    /// @notice Fixes the owners of a model of `releaser` by its signature. Anybody may submit it; it takes effect once.
    function releaseBySig(
        address releaser,
        bytes32 model,
        address[] calldata owners,
        uint256[] calldata shares,
        uint256 deadline,
        bytes calldata sig
    ) external returns (uint256 id) {
        bytes32 act = keccak256(
            abi.encode(
                RELEASE_TYPE_HASH,
                releaser,
                model,
                keccak256(abi.encodePacked(owners)),
                keccak256(abi.encodePacked(shares)),
                deadline
            )
        );
        _requireSignedBefore(releaser, act, deadline, sig);
        return _release(releaser, model, owners, shares);
    }

    /// @notice The id under which `releaser` releases, or released, `model`.
    function idOf(address releaser, bytes32 model) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(releaser, model)));
    }

    function _release(address releaser, bytes32 model, address[] calldata owners, uint256[] calldata shares)
        private
        returns (uint256 id)
    {
        id = idOf(releaser, model);
        if (totalSupply(id) != 0) revert AlreadyReleased(id);
        if (owners.length == 0 || owners.length > MAX_OWNERS || owners.length != shares.length) {
            revert InvalidOwnerCount(owners.length, shares.length);
        }
        for (uint256 i = 0; i < owners.length; ++i) {
            if (shares[i] == 0) revert ZeroShare(owners[i]);
            if (balanceOf(owners[i], id) != 0) revert DuplicateOwner(owners[i]);
            _mint(owners[i], id, shares[i]);
        }
        emit ModelReleased(id, releaser, model);
    }

    function _update(address from, address to, uint256 id, uint256 amount) internal override {
        if (from != address(0)) revert NotTransferable();
        super._update(from, to, id, amount);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Model Shares";
    }
}
