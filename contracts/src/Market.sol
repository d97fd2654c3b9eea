// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ExactTransfers} from "./ExactTransfers.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title Sale of grants at a price the seller signed
/// @notice The money goes from buyer to seller within the purchase; the contract never keeps any, and money sent to
/// it otherwise stays there for ever. Buyer and seller trust the token that the offer names. The contract does not
/// see the grant: the seller stands for what document the id names.
contract Market is SignedActs, ReentrancyGuardTransient {
    struct Offer {
        /// Id of the grant document on sale.
        bytes32 grant;
        address seller;
        /// The only account that can accept.
        address buyer;
        address token;
        /// Units of `token`; zero is a gift.
        uint256 price;
        /// Unix seconds; the last moment to accept.
        uint256 deadline;
    }

    bytes32 private constant OFFER_TYPE_HASH = keccak256(
        "Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
    );

    /// @notice When the offer with this hash was bought, in Unix seconds; zero if it was not.
    /// @dev Storage slot 0; proofs of state read it.
    mapping(bytes32 offerHash => uint256) public purchasedAt;

    /// @notice `buyer` paid `seller` the `price` for `grant`.
    event GrantBought(
        bytes32 indexed grant, address indexed seller, address indexed buyer, address token, uint256 price
    );

    /// @notice The offer was bought before; an offer sells once.
    error AlreadyBought(bytes32 offerHash);
    /// @notice The offer stood until `deadline`.
    error OfferExpired(uint256 deadline);
    /// @notice Only the buyer whom the offer names can accept it.
    error NotTheBuyer(address buyer, address sender);
    /// @notice Nobody can sell to themselves: no money would move.
    error SellerIsBuyer(address account);

    /// @notice The buyer accepts and pays by allowance. The seller can withdraw an offer only by its deadline.
    function buy(Offer calldata offer, bytes calldata sellerSig) external nonReentrant {
        if (msg.sender != offer.buyer) revert NotTheBuyer(offer.buyer, msg.sender);
        _accept(offer, sellerSig);
        if (offer.price != 0) ExactTransfers.move(offer.token, offer.buyer, offer.seller, offer.price);
    }

    /// @notice The buyer accepts and pays by an EIP-3009 authorization to this contract whose nonce is the offer's
    /// hash. Anybody may submit it, and can do nothing else with it. The authorization is the buyer's consent, so a
    /// gift needs one too, of zero.
    function buyWithAuthorization(
        Offer calldata offer,
        bytes calldata sellerSig,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata buyerSig
    ) external nonReentrant {
        bytes32 offerHash = _accept(offer, sellerSig);
        ExactTransfers.collect(
            offer.token, offer.buyer, offer.price, validAfter, validBefore, offerHash, buyerSig
        );
        if (offer.price != 0) ExactTransfers.send(offer.token, offer.seller, offer.price);
    }

    /// @notice What the seller signs and `purchasedAt` is keyed by: the offer's EIP-712 digest for this chain and
    /// contract.
    function hashOffer(Offer calldata offer) public view returns (bytes32) {
        return _digest(
            keccak256(
                abi.encode(
                    OFFER_TYPE_HASH, offer.grant, offer.seller, offer.buyer, offer.token, offer.price, offer.deadline
                )
            )
        );
    }

    function _accept(Offer calldata offer, bytes calldata sellerSig) private returns (bytes32 offerHash) {
        offerHash = hashOffer(offer);
        if (purchasedAt[offerHash] != 0) revert AlreadyBought(offerHash);
        if (block.timestamp > offer.deadline) revert OfferExpired(offer.deadline);
        if (offer.seller == offer.buyer) revert SellerIsBuyer(offer.buyer);
        _requireSigned(offer.seller, offerHash, sellerSig);
        purchasedAt[offerHash] = block.timestamp;
        emit GrantBought(offer.grant, offer.seller, offer.buyer, offer.token, offer.price);
    }

    function _domainName() internal pure override returns (string memory) {
        return "Freehold Market";
    }
}
