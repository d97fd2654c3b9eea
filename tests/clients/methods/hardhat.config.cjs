// hardhat on the node that the environment names, whose accounts sign; nothing is compiled, so nothing is downloaded.
require("@nomicfoundation/hardhat-ethers");

module.exports = {
  solidity: "0.8.28",
  defaultNetwork: "local",
  networks: { local: { url: process.env.NODE_URL, chainId: 31337 } },
};
