// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.26;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title ERC-20 that anybody mints and that takes any authorization for good
abstract contract OpenToken is ERC20 {
    function mint(address to, uint256 value) external {
        _mint(to, value);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _transfer(from, to, value);
    }
}

/// @title Keeps one unit of every transfer
contract FeeToken is OpenToken {
    constructor() ERC20("Fee", "FEE") {}

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(to, address(0), 1);
    }
}

/// @title Answers false and moves nothing
contract RefusingToken is OpenToken {
    constructor() ERC20("Refusing", "NO") {}

    function transfer(address, uint256) public pure override returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @title Answers true and moves nothing
contract LyingToken is OpenToken {
    constructor() ERC20("Lying", "LIE") {}

    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) super._update(from, to, value);
    }
}

/// @title Moves money and answers nothing, and refuses to change one non-zero allowance to another
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, "approve zero first");
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
    }

    function receiveWithAuthorization(address from, address to, uint256 value, uint256, uint256, bytes32, bytes calldata)
        external
    {
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// @title Calls somebody in the middle of the next transfer
contract CallingToken is OpenToken {
    address private _target;
    bytes private _data;

    constructor() ERC20("Calling", "CALL") {}

    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        address target = _target;
        if (target == address(0) || from == address(0)) return;
        _target = address(0);
        (bool succeeded, bytes memory result) = target.call(_data);
        if (!succeeded) {
            assembly ("memory-safe") {
                revert(add(result, 0x20), mload(result))
            }
        }
    }
}

/// @title Delivers one unit more than it was told to
contract BonusToken is OpenToken {
    constructor() ERC20("Bonus", "MORE") {}

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0) && to != address(0)) super._update(address(0), to, 1);
    }
}

/// @title Keeps one unit of what its holders send, and nothing of what is fetched from them
contract ExitFeeToken is OpenToken {
    constructor() ERC20("Exit fee", "EXIT") {}

    function transfer(address to, uint256 value) public override returns (bool) {
        _burn(msg.sender, 1);
        return super.transfer(to, value - 1);
    }
}

/// @title Moves nothing from or to an account that somebody blocked
contract BlockingToken is OpenToken {
    mapping(address account => bool) public blocked;

    error Blocked(address account);

    constructor() ERC20("Blocking", "BLOCK") {}

    function setBlocked(address account, bool value) external {
        blocked[account] = value;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (blocked[from]) revert Blocked(from);
        if (blocked[to]) revert Blocked(to);
        super._update(from, to, value);
    }
}

/// @title Balances shrink without a transfer, as those of a rebasing token do after a loss
contract ShrinkingToken is OpenToken {
    constructor() ERC20("Shrinking", "LESS") {}

    function shrink(address account, uint256 value) external {
        _burn(account, value);
    }
}
