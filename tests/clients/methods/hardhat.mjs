// Every documented method by hardhat-ethers. Argument: what `World.given` says, as JSON.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { given, number, tell } from "./said.mjs";

const { url, dollar, sink, funded, account, abi, bytecode, mint, raw, receipt: past } = given;
process.env.HARDHAT_CONFIG = fileURLToPath(new URL("./hardhat.config.cjs", import.meta.url));
process.env.NODE_URL = url;
process.env.HARDHAT_DISABLE_TELEMETRY_PROMPT = "true";
const { ethers, network } = createRequire(import.meta.url)("hardhat");
const { provider } = ethers;
const [signer] = await ethers.getSigners();
const contract = await ethers.getContractAt(abi, dollar, signer);
const send = (method, ...params) => network.provider.send(method, params);
const asBlock = (one, txs) => [one.number, one.hash, one.parentHash, one.gasUsed, one.gasLimit, one.baseFeePerGas, txs];
// its transactions have no index
const asTransaction = (one) => [one.hash, one.from, one.to, one.nonce, one.value, one.gasLimit, one.data, one.type, one.blockNumber, one.index ?? 0, one.maxFeePerGas];
const asReceipt = (one) => [one.hash, one.status, one.gasUsed, one.cumulativeGasUsed, one.gasPrice, one.logs.length, one.type, one.blockNumber];
const asLog = (one) => [one.address, one.topics, one.data, one.blockNumber, one.index, one.transactionHash];
const height = () => provider.getBlockNumber();

await tell(
  {
    eth_chainId: async () => (await provider.getNetwork()).chainId,
    eth_blockNumber: height,
    eth_accounts: async () => (await ethers.getSigners()).map((one) => one.address),
    eth_gasPrice: async () => (await provider.getFeeData()).gasPrice,
    eth_getBalance: () => provider.getBalance(funded),
    eth_getCode: async () => (await provider.getCode(dollar)).length,
    eth_getStorageAt: () => provider.getStorage(dollar, 2),
    eth_getTransactionCount: () => signer.getNonce(),
    eth_call: () => contract.balanceOf(sink),
    eth_estimateGas: () => provider.estimateGas({ from: account, to: dollar, data: mint }),
    eth_getBlockByNumber: async () => { const one = await provider.getBlock(past.number); return asBlock(one, one.transactions); },
    eth_getBlockByHash: async () => { const one = await provider.getBlock(past.blockHash, true); return asBlock(one, one.prefetchedTransactions.map((tx) => tx.hash)); },
    eth_getTransactionByHash: async () => asTransaction(await provider.getTransaction(past.hash)),
    eth_getTransactionReceipt: async () => asReceipt(await provider.getTransactionReceipt(past.hash)),
    eth_getLogs: async () => (await provider.getLogs({ address: dollar, fromBlock: 0, toBlock: "latest" })).map(asLog),
    eth_sendRawTransaction: async () => { const sent = await provider.broadcastTransaction(raw); await sent.wait(); return [sent.hash, true]; },
    eth_sendTransaction: async () => {
      const { from, status } = await (await signer.sendTransaction({ to: sink, value: 3n })).wait();
      return [from, status];
    },
  },
  {
    eth_maxPriorityFeePerGas: async () => number(await send("eth_maxPriorityFeePerGas")),
    web3_clientVersion: () => send("web3_clientVersion"),
    net_version: () => send("net_version"),
    evm_mine: async () => { const before = await height(); await send("evm_mine"); return (await height()) - before; },
    evm_snapshot: async () => Boolean((given.snapshot = await send("evm_snapshot"))),
    evm_revert: async () => { const before = await height(); await send("evm_mine"); await send("evm_revert", given.snapshot); return (await height()) === before; },
  },
  {
    deployContract: async () => {
      const factory = await ethers.getContractFactory(abi, bytecode);
      const deployed = await (await factory.deploy()).waitForDeployment();
      await (await deployed.mint(sink, 9n)).wait();
      return [await deployed.balanceOf(sink), (await deployed.queryFilter("Transfer")).map((one) => one.args.value)];
    },
    reverts: async () => contract.transfer.staticCall(sink, 10n ** 12n).catch((error) => [error.code, error.revert?.name]),
    impersonated: async () => {
      await send("hardhat_setBalance", funded, "0xde0b6b3a7640000");
      await (await contract.mint(funded, 5n)).wait();
      const other = await ethers.getImpersonatedSigner(funded);
      const { from } = await (await contract.connect(other).transfer(sink, 4n)).wait();
      return [from, await contract.balanceOf(funded)];
    },
  },
);
