// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title Acts that an account signs and anybody may submit
/// @notice EIP-712 under the domain (name, "1", chain id, this contract), so a signature means nothing on another
/// chain or to another contract. Signers are keys (ECDSA, low s only) or contracts (ERC-1271).
/// @dev Differs from OpenZeppelin's EIP712 in using neither storage, because storage slot 0 of each contract is part
/// of its interface (state proofs read it), nor immutables, because then the deployed code equals the artifact.
abstract contract SignedActs is IERC5267 {
    bytes32 private constant DOMAIN_TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    string private constant DOMAIN_VERSION = "1";

    /// @notice The act was to be submitted by `deadline` (Unix seconds) and was not.
    error SignatureExpired(uint256 deadline);
    /// @notice `signer` did not sign exactly this act, for this chain and this contract.
    error InvalidSignature(address signer);

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", _domainName(), DOMAIN_VERSION, block.chainid, address(this), bytes32(0), new uint256[](0));
    }

    function _domainName() internal pure virtual returns (string memory);

    /// @dev The EIP-712 digest of `structHash` under this contract's domain.
    function _digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                DOMAIN_TYPE_HASH,
                keccak256(bytes(_domainName())),
                keccak256(bytes(DOMAIN_VERSION)),
                block.chainid,
                address(this)
            )
        );
        return MessageHashUtils.toTypedDataHash(separator, structHash);
    }

    function _requireSigned(address signer, bytes32 digest, bytes calldata sig) internal view {
        if (!SignatureChecker.isValidSignatureNowCalldata(signer, digest, sig)) revert InvalidSignature(signer);
    }

    function _requireSignedBefore(address signer, bytes32 structHash, uint256 deadline, bytes calldata sig)
        internal
        view
    {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        _requireSigned(signer, _digest(structHash), sig);
    }
}
