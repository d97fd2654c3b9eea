// viem does what a dapp does; prints what it saw as one JSON object.
// Arguments: node URL, artifact of TestDollar, private key.
import { readFileSync } from "node:fs";
import {
  BaseError, ContractFunctionRevertedError, createPublicClient, createTestClient, createWalletClient, http,
  encodeFunctionData, parseEventLogs, webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

const [url, artifactPath, key] = process.argv.slice(2);
const { abi, bytecode, deployed } = JSON.parse(readFileSync(artifactPath, "utf8"));
const account = privateKeyToAccount(key);
const common = { chain: foundry, transport: http(url), pollingInterval: 50, cacheTime: 0 };
const client = createPublicClient(common);
const wallet = createWalletClient({ ...common, account });
const test = createTestClient({ ...common, mode: "anvil" });
const sink = "0x" + "11".repeat(20);
const seen = { network: await client.getChainId() };
const wait = (hash) => client.waitForTransactionReceipt({ hash, timeout: 10_000 });
const read = (functionName, args, more = {}) => client.readContract({ address, abi, functionName, args, ...more });
const write = (functionName, args, more = {}) => wallet.writeContract({ address, abi, functionName, args, ...more });

const created = await wait(await wallet.deployContract({ abi, bytecode }));
const address = created.contractAddress;
seen.code = (await client.getCode({ address })).length === deployed.length;

const heard = new Promise((done) => {
  const stop = client.watchContractEvent({
    address, abi, eventName: "Transfer", onLogs: (logs) => (stop(), done(logs[0].args.value)),
  });
});
await new Promise((done) => setTimeout(done, 1_000));
const receipt = await wait(await write("mint", [sink, 5n]));
seen.status = receipt.status;
seen.balance = await read("balanceOf", [sink]);
seen.before = await read("balanceOf", [sink], { blockNumber: receipt.blockNumber - 1n });
seen.parsed = parseEventLogs({ abi, logs: receipt.logs }).map((log) => log.args.value);
seen.heard = await heard;
const data = encodeFunctionData({ abi, functionName: "mint", args: [sink, 1n] });
const { accessList } = await client.createAccessList({ account, to: address, data });
seen.accessList = accessList.map((entry) => [entry.address === address, entry.storageKeys.length]);

for (const kind of [{ gasPrice: 1_000n }, { gasPrice: 1_000n, type: "eip2930", accessList: [] }])
  await wait(await write("mint", [sink, 1n], kind));
const logs = await client.getContractEvents({ address, abi, eventName: "Transfer", args: { to: [sink] }, fromBlock: 0n });
seen.events = logs.map((log) => log.args.value);

try {
  await client.simulateContract({ account, address, abi, functionName: "transfer", args: [sink, 10n ** 12n] });
} catch (error) {
  const reverted = error instanceof BaseError && error.walk((one) => one instanceof ContractFunctionRevertedError);
  seen.reverted = [reverted?.data?.errorName];
}
seen.failed = (await wait(await write("transfer", [sink, 10n ** 12n], { gas: 200_000n }))).status;
try {
  await wallet.sendTransaction({ to: sink, nonce: 0 });
} catch (error) {
  seen.nonce = error.walk((one) => one.name === "NonceTooLowError")?.name;
}
try {
  const poor = createWalletClient({ ...common, account: privateKeyToAccount("0x" + "77".repeat(32)) });
  await poor.sendTransaction({ to: sink, value: 1n, gas: 21_000n });
} catch (error) {
  seen.poor = error.walk((one) => one.name === "InsufficientFundsError")?.name;
}
seen.override = await read("balanceOf", [sink], { stateOverride: [{ address, code: "0x602a60005260206000f3" }] });
const proof = await client.getProof({ address, storageKeys: ["0x" + "00".repeat(32)] });
seen.proof = proof.storageProof.length;
seen.fees = (await client.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] })).reward.length;

const snapshot = await test.snapshot();
const now = (await client.getBlock()).timestamp;
await test.setNextBlockTimestamp({ timestamp: now + 1_000n });
await test.mine({ blocks: 2, interval: 10 });
seen.time = Number((await client.getBlock()).timestamp - now);
await test.revert({ id: snapshot });
seen.back = (await client.getBlock()).timestamp === now;

if (process.argv[5] === "websocket") {
  const socket = createPublicClient({ chain: foundry, transport: webSocket(url.replace("http", "ws")) });
  const head = new Promise((done) => socket.watchBlockNumber({ onBlockNumber: done, emitOnBegin: false }));
  const log = new Promise((done) =>
    socket.watchContractEvent({ address, abi, eventName: "Transfer", onLogs: (found) => done(found[0].args.value) }),
  );
  await new Promise((done) => setTimeout(done, 2_000));
  const mined = await wait(await write("mint", [sink, 77n]));
  seen.live = [await log, (await head) === mined.blockNumber];
}
console.log(JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
process.exit(0);
