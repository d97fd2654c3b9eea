// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title Tokens for data sets and models
/// @notice A token says who registered which asset document, and who holds it now. The id commits to both, so two
/// accounts that register one document get two tokens, and neither can stand in the other's way.
contract Assets is ERC721, SignedActs {
    bytes32 private constant REGISTER_TYPE_HASH = keccak256("Register(address owner,bytes32 asset,uint256 deadline)");

    /// @notice `owner` registered the document with id `asset`.
    event AssetRegistered(uint256 indexed tokenId, address indexed owner, bytes32 indexed asset);

    /// @notice The account has registered this asset before.
    error AlreadyRegistered(uint256 tokenId);

    constructor() ERC721("Freehold Assets", "FREEHOLD") {}

    /// @notice Registers the caller's asset. The token is not offered to `onERC721Received`: the caller asked for it.
    function register(bytes32 asset) external returns (uint256 tokenId) {
        return _register(msg.sender, asset);
    }

    /// @notice Registers an asset of `owner` by its signature. Anybody may submit it; it takes effect once.
    function registerBySig(address owner, bytes32 asset, uint256 deadline, bytes calldata sig)
        external
        returns (uint256 tokenId)
    {
        _requireSignedBefore(owner, keccak256(abi.encode(REGISTER_TYPE_HASH, owner, asset, deadline)), deadline, sig);
        return _register(owner, asset);
    }

    /// @notice The token that `registrant` gets, or got, for `asset`.
    function tokenIdOf(address registrant, bytes32 asset) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(registrant, asset)));
    }

    function _register(address owner, bytes32 asset) private returns (uint256 tokenId) {
        tokenId = tokenIdOf(owner, asset);
        if (_ownerOf(tokenId) != address(0)) revert AlreadyRegistered(tokenId);
        _mint(owner, tokenId);
        emit AssetRegistered(tokenId, owner, asset);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Assets";
    }
}
