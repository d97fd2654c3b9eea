// Every documented method by viem. Argument: what `World.given` says, as JSON.
import { createPublicClient, createTestClient, createWalletClient, http, webSocket } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { given, number, tell, until } from "./said.mjs";

const { url, dollar, sink, funded, account, key, abi, mint, raw, receipt: past } = given;
const common = { chain: foundry, transport: http(url), pollingInterval: 20, cacheTime: 0 };
const client = createPublicClient(common);
const wallet = createWalletClient({ ...common, account: privateKeyToAccount(key) });
const test = createTestClient({ ...common, mode: "anvil" });
const hardhat = createTestClient({ ...common, mode: "hardhat" });
const ganache = createTestClient({ ...common, mode: "ganache" });
const send = (method, ...params) => client.request({ method, params });
const asBlock = (one, txs) => [one.number, one.hash, one.parentHash, one.gasUsed, one.gasLimit, one.baseFeePerGas, txs];
const asTransaction = (one) => [one.hash, one.from, one.to, one.nonce, one.value, one.gas, one.input, one.typeHex, one.blockNumber, one.transactionIndex, one.maxFeePerGas].map((part, at) => (at === 7 ? Number(part) : part));
const kinds = { legacy: 0, eip2930: 1, eip1559: 2, eip7702: 4 };
const asReceipt = (one) => [one.transactionHash, one.status === "success" ? 1 : 0, one.gasUsed, one.cumulativeGasUsed, one.effectiveGasPrice, one.logs.length, kinds[one.type], one.blockNumber];
const asLog = (one) => [one.address, one.topics, one.data, one.blockNumber, one.logIndex, one.transactionHash];
const height = () => client.getBlockNumber();
const minted = async (value) => {
  const hash = await wallet.writeContract({ address: dollar, abi, functionName: "mint", args: [sink, value] });
  await client.waitForTransactionReceipt({ hash, timeout: 10_000 });
  return hash;
};
const call = { account, to: dollar, data: mint };
const filters = {};
const block = BigInt(past.number);
const trace = { tracer: "callTracer" };
const asTrace = (one) => [one.type, one.from, one.to, one.input, number(one.gasUsed)];

await tell(
  {
    eth_chainId: () => client.getChainId(),
    eth_blockNumber: height,
    eth_gasPrice: () => client.getGasPrice(),
    eth_maxPriorityFeePerGas: () => client.estimateMaxPriorityFeePerGas(),
    eth_blobBaseFee: () => client.getBlobBaseFee(),
    eth_accounts: () => wallet.getAddresses().then(() => createWalletClient(common).getAddresses()),
    eth_feeHistory: async () => {
      const one = await client.getFeeHistory({ blockCount: 2, blockNumber: block, rewardPercentiles: [50] });
      return [one.oldestBlock, one.baseFeePerGas, one.reward];
    },
    eth_getBalance: () => client.getBalance({ address: funded }),
    eth_getCode: async () => (await client.getCode({ address: dollar })).length,
    eth_getStorageAt: () => client.getStorageAt({ address: dollar, slot: "0x2" }),
    eth_getTransactionCount: () => client.getTransactionCount({ address: account }),
    eth_getProof: async () => {
      const one = await client.getProof({ address: dollar, storageKeys: ["0x" + "0".repeat(63) + "2"] });
      return [one.balance, one.nonce, one.codeHash, one.storageHash, one.accountProof.length, one.storageProof[0].value];
    },
    eth_call: () => client.readContract({ address: dollar, abi, functionName: "balanceOf", args: [sink] }),
    eth_estimateGas: () => client.estimateGas(call),
    eth_createAccessList: async () => {
      const one = await client.createAccessList(call);
      return [one.accessList.map((entry) => [entry.address, entry.storageKeys.length]), one.gasUsed];
    },
    eth_getBlockByNumber: async () => { const one = await client.getBlock({ blockNumber: block }); return asBlock(one, one.transactions); },
    eth_getBlockByHash: async () => { const one = await client.getBlock({ blockHash: past.blockHash, includeTransactions: true }); return asBlock(one, one.transactions.map((tx) => tx.hash)); },
    eth_getBlockTransactionCountByNumber: () => client.getBlockTransactionCount({ blockNumber: block }),
    eth_getBlockTransactionCountByHash: () => client.getBlockTransactionCount({ blockHash: past.blockHash }),
    eth_getTransactionByHash: async () => asTransaction(await client.getTransaction({ hash: past.hash })),
    eth_getTransactionByBlockNumberAndIndex: async () => asTransaction(await client.getTransaction({ blockNumber: block, index: 0 })),
    eth_getTransactionByBlockHashAndIndex: async () => asTransaction(await client.getTransaction({ blockHash: past.blockHash, index: 0 })),
    eth_getTransactionReceipt: async () => asReceipt(await client.getTransactionReceipt({ hash: past.hash })),
    eth_getBlockReceipts: async () => (await client.getBlockReceipts({ blockNumber: block })).map(asReceipt),
    eth_getLogs: async () => (await client.getLogs({ address: dollar, fromBlock: 0n })).map(asLog),
    eth_sendRawTransaction: async () => {
      const hash = await client.sendRawTransaction({ serializedTransaction: raw });
      await client.waitForTransactionReceipt({ hash });
      return [hash, true];
    },
    eth_simulateV1: async () => {
      const [one] = await client.simulateBlocks({ blocks: [{ calls: [{ account, to: dollar, abi, functionName: "mint", args: [sink, 7n] }, { to: dollar, abi, functionName: "balanceOf", args: [sink] }] }] });
      return [one.calls[0].status, one.calls[0].gasUsed, one.calls[0].logs.length, number(one.calls[1].data)];
    },
    eth_newFilter: async () => Boolean((filters.logs = await client.createContractEventFilter({ address: dollar, abi, eventName: "Transfer" })).id),
    eth_getFilterChanges: async () => { await minted(21n); return (await client.getFilterChanges({ filter: filters.logs })).map((one) => one.args.value); },
    eth_getFilterLogs: async () => {
      const filter = await client.createEventFilter({ address: dollar, fromBlock: block, toBlock: block });
      return (await client.getFilterLogs({ filter })).map((one) => number(one.data));
    },
    eth_uninstallFilter: async () => [await client.uninstallFilter({ filter: filters.logs }), await client.uninstallFilter({ filter: filters.logs })],
    eth_newBlockFilter: async () => { const filter = await client.createBlockFilter(); await minted(22n); return (await client.getFilterChanges({ filter })).length; },
    eth_newPendingTransactionFilter: async () => {
      const filter = await client.createPendingTransactionFilter();
      const hash = await minted(23n);
      const seen = await client.getFilterChanges({ filter });
      return [seen.length, seen[0] === hash];
    },
    eth_sendRawTransactionSync: async () => {
      const request = await wallet.prepareTransactionRequest({ to: sink, value: 3n });
      const one = await wallet.sendRawTransactionSync({ serializedTransaction: await wallet.signTransaction(request) });
      return [one.status === "success" ? 1 : 0, one.gasUsed, one.from];
    },
    eth_sendTransaction: async () => {
      const hash = await createWalletClient({ ...common, account }).sendTransaction({ to: sink, value: 3n });
      const one = await client.waitForTransactionReceipt({ hash });
      return [one.from, one.status === "success" ? 1 : 0];
    },
    txpool_status: async () => {
      const { nonce } = await wallet.prepareTransactionRequest({ to: sink });
      await wallet.sendTransaction({ to: sink, value: 1n, nonce: nonce + 40 });
      return (await test.getTxpoolStatus()).queued;
    },
    txpool_content: async () => Object.values(Object.values((await test.getTxpoolContent()).queued)[0]).map((one) => [one.to, number(one.value)]),
    txpool_contentFrom: async () => Object.values((await send("txpool_contentFrom", account)).queued).length,
    txpool_inspect: async () => Object.values(Object.values((await test.inspectTxpool()).queued)[0]).map((line) => [line.split(":")[0], line.split(": ")[1].split(" ")[0]]),
    anvil_setBalance: async () => { await test.setBalance({ address: funded, value: 2_000n }); return client.getBalance({ address: funded }); },
    anvil_impersonateAccount: async () => {
      await test.setBalance({ address: funded, value: 10n ** 18n });
      await test.impersonateAccount({ address: funded });
      const hash = await createWalletClient({ ...common, account: funded }).sendTransaction({ to: sink, value: 3n });
      return (await client.waitForTransactionReceipt({ hash })).from;
    },
    anvil_stopImpersonatingAccount: async () => {
      await test.stopImpersonatingAccount({ address: funded });
      return createWalletClient({ ...common, account: funded }).sendTransaction({ to: sink, value: 3n }).then(() => "sent", () => "refused");
    },
    hardhat_impersonateAccount: async () => { await hardhat.impersonateAccount({ address: funded }); return (await createWalletClient(common).getAddresses()).length; },
    hardhat_stopImpersonatingAccount: async () => { await hardhat.stopImpersonatingAccount({ address: funded }); return (await createWalletClient(common).getAddresses()).length; },
    hardhat_setBalance: async () => { await hardhat.setBalance({ address: funded, value: 10n ** 18n + 5n }); return client.getBalance({ address: funded }); },
    hardhat_mine: async () => { const before = await height(); await hardhat.mine({ blocks: 3, interval: 1 }); return (await height()) - before; },
    anvil_mine: async () => { const before = await height(); await test.mine({ blocks: 3, interval: 1 }); return (await height()) - before; },
    evm_mine: async () => { const before = await height(); await ganache.mine({ blocks: 1 }); return (await height()) - before; },
    evm_setNextBlockTimestamp: async () => {
      const { timestamp } = await client.getBlock();
      await test.setNextBlockTimestamp({ timestamp: timestamp + 50n });
      await test.mine({ blocks: 1 });
      return (await client.getBlock()).timestamp - timestamp;
    },
    evm_increaseTime: async () => number(await test.increaseTime({ seconds: 7 })) >= 7n,
    evm_snapshot: async () => Boolean((filters.snapshot = await test.snapshot())),
    evm_revert: async () => { const before = await height(); await test.mine({ blocks: 2 }); await test.revert({ id: filters.snapshot }); return (await height()) === before; },
    eth_subscribe: async () => {
      const live = createPublicClient({ ...common, transport: webSocket(url.replace("http", "ws")) });
      const heard = { heads: [], logs: [], sent: [] };
      const stops = [
        live.watchBlockNumber({ onBlockNumber: (one) => heard.heads.push(one) }),
        live.watchEvent({ address: dollar, onLogs: (logs) => heard.logs.push(...logs.map((log) => number(log.data))) }),
        live.watchPendingTransactions({ onTransactions: (hashes) => heard.sent.push(...hashes) }),
      ];
      let hash;
      await until(async () => {
        hash = await minted(31n);
        return heard.heads.length && heard.logs.length && heard.sent.length;
      });
      await until(async () => heard.heads.at(-1) === (await height()) && heard.sent.at(-1) === hash);
      stops.forEach((stop) => stop());
      return [true, [...new Set(heard.logs)], true];
    },
    eth_unsubscribe: async () => {
      const live = createPublicClient({ ...common, transport: webSocket(url.replace("http", "ws")) });
      const heard = [];
      const { unsubscribe } = await live.transport.subscribe({ params: ["newHeads"], onData: ({ result }) => heard.push(result), onError: () => {} });
      await minted(32n);
      await until(() => heard.length);
      await unsubscribe();
      await minted(33n);
      await live.getChainId();
      return heard.length === 1;
    },
  },
  {
    web3_clientVersion: () => send("web3_clientVersion"),
    web3_sha3: () => send("web3_sha3", "0x68656c6c6f"),
    net_version: () => send("net_version"),
    net_listening: () => send("net_listening"),
    net_peerCount: async () => number(await send("net_peerCount")),
    eth_syncing: () => send("eth_syncing"),
    anvil_autoImpersonateAccount: async () => {
      await send("anvil_autoImpersonateAccount", true);
      const hash = await createWalletClient({ ...common, account: funded }).sendTransaction({ to: sink, value: 3n });
      await send("anvil_autoImpersonateAccount", false);
      return (await client.waitForTransactionReceipt({ hash })).from;
    },
    debug_traceCall: async () => asTrace(await send("debug_traceCall", { from: account, to: dollar, data: mint }, "latest", trace)),
    debug_traceTransaction: async () => asTrace(await send("debug_traceTransaction", past.hash, trace)),
  },
  {
    batched: async () => {
      const batching = createPublicClient({ ...common, transport: http(url, { batch: true }) });
      const slots = Array.from({ length: 150 }, (_, n) => `0x${n.toString(16)}`);
      const found = await Promise.all(slots.map((slot) => batching.getStorageAt({ address: dollar, slot })));
      return found.length;
    },
    ganache: async () => { const before = await height(); await ganache.mine({ blocks: 4 }); return (await height()) - before; },
    multicall: async () => client.multicall({ contracts: [] }).catch((error) => error.name ?? error.walk().name),
    names: async () => client.getEnsAddress({ name: "vitalik.eth" }).catch((error) => error.name),
    polled: async () => {
      const heard = { blocks: [], sent: [], values: [] };
      const stops = [
        client.watchBlocks({ onBlock: (one) => heard.blocks.push(one.number) }),
        client.watchPendingTransactions({ onTransactions: (hashes) => heard.sent.push(...hashes) }),
        client.watchContractEvent({ address: dollar, abi, eventName: "Transfer", onLogs: (logs) => heard.values.push(...logs.map((log) => log.args.value)) }),
      ];
      await until(async () => {
        const hash = await minted(25n);
        await new Promise((done) => setTimeout(done, 100));
        return heard.sent.includes(hash) && heard.values.includes(25n) && heard.blocks.length;
      });
      stops.forEach((stop) => stop());
      return true;
    },
  },
);
