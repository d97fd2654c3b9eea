// Every documented method by ethers 6. Argument: what `World.given` says, as JSON.
import { Contract, ContractFactory, FallbackProvider, JsonRpcProvider, Transaction, Wallet, WebSocketProvider } from "ethers";
import { given, number, tell, until } from "./said.mjs";

const { url, dollar, sink, funded, account, key, abi, bytecode, mint, raw, receipt: past } = given;
const provider = new JsonRpcProvider(url, 31337, { staticNetwork: true, pollingInterval: 20, cacheTimeout: -1 });
const wallet = new Wallet(key, provider);
const contract = new Contract(dollar, abi, wallet);
const send = (method, ...params) => provider.send(method, params);
const asBlock = (one, txs) => [one.number, one.hash, one.parentHash, one.gasUsed, one.gasLimit, one.baseFeePerGas, txs];
const asTransaction = (one) => [one.hash, one.from, one.to, one.nonce, one.value, one.gasLimit, one.data, one.type, one.blockNumber, one.index, one.maxFeePerGas];
const asReceipt = (one) => [one.hash, one.status, one.gasUsed, one.cumulativeGasUsed, one.gasPrice, one.logs.length, one.type, one.blockNumber];
const asLog = (one) => [one.address, one.topics, one.data, one.blockNumber, one.index, one.transactionHash];
const call = { from: account, to: dollar, data: mint };
const height = () => provider.getBlockNumber();
const minted = async (value) => (await (await contract.mint(sink, value)).wait(1, 10_000)).hash;
const filters = {};
const polled = async (kind, value) => [await minted(value), await send("eth_getFilterChanges", filters[kind])];

await tell(
  {
    eth_chainId: async () => (await new JsonRpcProvider(url).getNetwork()).chainId,
    eth_blockNumber: height,
    eth_gasPrice: async () => (await provider.getFeeData()).gasPrice,
    eth_maxPriorityFeePerGas: async () => (await provider.getFeeData()).maxPriorityFeePerGas,
    eth_accounts: async () => (await provider.listAccounts()).map((one) => one.address),
    eth_getBalance: () => provider.getBalance(funded),
    eth_getCode: async () => (await provider.getCode(dollar)).length,
    eth_getStorageAt: () => provider.getStorage(dollar, 2),
    eth_getTransactionCount: () => provider.getTransactionCount(account),
    eth_call: () => contract.balanceOf(sink),
    eth_estimateGas: () => provider.estimateGas(call),
    eth_getBlockByNumber: async () => { const one = await provider.getBlock(past.blockNumber); return asBlock(one, one.transactions); },
    eth_getBlockByHash: async () => { const one = await provider.getBlock(past.blockHash, true); return asBlock(one, one.prefetchedTransactions.map((tx) => tx.hash)); },
    eth_getTransactionByHash: async () => asTransaction(await provider.getTransaction(past.hash)),
    eth_getTransactionReceipt: async () => asReceipt(await provider.getTransactionReceipt(past.hash)),
    eth_getLogs: async () => (await provider.getLogs({ address: dollar, fromBlock: 0, toBlock: "latest" })).map(asLog),
    eth_sendRawTransaction: async () => { const sent = await provider.broadcastTransaction(raw); await sent.wait(1, 10_000); return [sent.hash, Transaction.from(raw).hash === sent.hash]; },
    eth_sendTransaction: async () => {
      const signer = await provider.getSigner(account);
      const { from, status } = await (await signer.sendTransaction({ to: sink, value: 3n })).wait(1, 10_000);
      return [from, status];
    },
    eth_subscribe: async () => {
      const socket = new WebSocketProvider(url.replace("http", "ws"), 31337);
      const heard = { heads: [], logs: [], sent: [] };
      await socket.on("block", (block) => heard.heads.push(block));
      await socket.on({ address: dollar }, (log) => heard.logs.push(number(log.data)));
      await socket.on("pending", (hash) => heard.sent.push(hash));
      // the subscriptions are asked for without being waited for; answers come in order
      await socket.getBlockNumber();
      let hash;
      await until(async () => {
        hash = await minted(31n);
        return heard.heads.length && heard.logs.length && heard.sent.length;
      });
      await until(async () => heard.heads.at(-1) === (await height()) && heard.sent.at(-1) === hash);
      const said = [true, [...new Set(heard.logs)], true];
      await socket.destroy();
      return said;
    },
    eth_unsubscribe: async () => {
      const socket = new WebSocketProvider(url.replace("http", "ws"), 31337);
      const heard = [];
      await socket.on("block", (block) => heard.push(block));
      await socket.getBlockNumber();
      await until(async () => (await minted(32n)) && heard.length);
      const head = await height();
      await until(() => heard.at(-1) === head);
      await socket.off("block");
      await socket.getBlockNumber();
      await minted(33n);
      await socket.getBlockNumber();
      const said = heard.at(-1) === head;
      await socket.destroy();
      return said;
    },
  },
  {
    web3_clientVersion: () => send("web3_clientVersion"),
    web3_sha3: () => send("web3_sha3", "0x68656c6c6f"),
    net_version: () => send("net_version"),
    net_listening: () => send("net_listening"),
    net_peerCount: async () => number(await send("net_peerCount")),
    eth_syncing: () => send("eth_syncing"),
    eth_blobBaseFee: async () => number(await send("eth_blobBaseFee")),
    eth_newFilter: async () => Boolean((filters.logs = await send("eth_newFilter", { address: dollar }))),
    eth_getFilterChanges: async () => (await polled("logs", 21n))[1].map((one) => number(one.data)),
    eth_getFilterLogs: async () => (await send("eth_getFilterLogs", await send("eth_newFilter", { address: dollar, fromBlock: past.number, toBlock: past.number }))).map((one) => number(one.data)),
    eth_uninstallFilter: async () => [await send("eth_uninstallFilter", filters.logs), await send("eth_uninstallFilter", filters.logs)],
    eth_newBlockFilter: async () => { filters.blocks = await send("eth_newBlockFilter"); return (await polled("blocks", 22n))[1].length; },
    eth_newPendingTransactionFilter: async () => { filters.sent = await send("eth_newPendingTransactionFilter"); const [hash, seen] = await polled("sent", 23n); return [seen.length, seen[0] === hash]; },
  },
  {
    factory: async () => {
      const made = await new ContractFactory(abi, bytecode, wallet).deploy();
      await made.waitForDeployment();
      const heard = new Promise((done) => made.once("Transfer", (from, to, value) => done(value)));
      await (await made.mint(sink, 9n)).wait(1, 10_000);
      return [await made.balanceOf(sink), await heard, (await made.queryFilter("Transfer")).length];
    },
    batched: async () => {
      const found = await Promise.all(Array.from({ length: 150 }, (_, n) => provider.getStorage(dollar, n)));
      const single = new JsonRpcProvider(url, 31337, { batchMaxCount: 1 });
      const same = await Promise.all(found.map((_, n) => single.getStorage(dollar, n)));
      return found.every((one, n) => one === same[n]);
    },
    polled: async () => {
      const heard = [];
      await provider.on("block", (block) => heard.push(block));
      await provider.getBlockNumber();
      await until(async () => (await minted(24n)) && heard.length);
      const head = await height();
      await until(() => heard.includes(head));
      await provider.removeAllListeners();
      return true;
    },
    fallback: async () => {
      const several = new FallbackProvider([provider, new JsonRpcProvider(url, 31337, { staticNetwork: true, cacheTimeout: -1 })], 31337, { quorum: 2, cacheTimeout: -1, pollingInterval: 20 });
      const signer = new Wallet(key, several);
      const sent = await signer.sendTransaction({ to: sink, value: 0n });
      const { status } = await sent.wait(1, 10_000);
      return [status, await several.getBalance(funded), (await several.getBlock("latest")).number === (await height())];
    },
    names: async () => (await provider.resolveName("vitalik.eth").catch((error) => error.code)),
  },
);
