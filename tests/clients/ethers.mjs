// ethers 6 does what a dapp does; prints what it saw as one JSON object.
// Arguments: node URL, artifact of TestDollar, private key.
import { readFileSync } from "node:fs";
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, WebSocketProvider, isCallException } from "ethers";

const [url, artifactPath, key] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, "utf8"));
const provider = new JsonRpcProvider(url, undefined, { pollingInterval: 50, cacheTimeout: -1 });
const wallet = new NonceManager(new Wallet(key, provider));
const sink = "0x" + "11".repeat(20);
const seen = {};

const factory = new ContractFactory(artifact.abi, artifact.bytecode, wallet);
const deployed = await factory.deploy();
await deployed.waitForDeployment();
const address = await deployed.getAddress();
const dollar = new Contract(address, artifact.abi, wallet);
seen.network = (await provider.getNetwork()).chainId;
seen.code = (await provider.getCode(address)).length === artifact.deployed.length;

const heard = new Promise((done) => dollar.once("Transfer", (from, to, value) => done([from, to, value])));
const sent = await dollar.mint(sink, 5n);
const receipt = await sent.wait(1, 10_000);
seen.status = receipt.status;
seen.fee = receipt.fee === receipt.gasUsed * receipt.gasPrice;
seen.balance = await dollar.balanceOf(sink);
seen.before = await dollar.balanceOf(sink, { blockTag: receipt.blockNumber - 1 });
seen.heard = await heard;

const burst = await Promise.all(Array.from({ length: 20 }, (_, n) => dollar.mint(sink, BigInt(n + 1))));
const receipts = await Promise.all(burst.map((one) => one.wait(1, 10_000)));
seen.burst = receipts.every((one) => one.status === 1);
seen.total = await dollar.balanceOf(sink);
const events = await dollar.queryFilter(dollar.filters.Transfer(null, sink), 0, "latest");
seen.events = events.map((event) => event.args.value);

try {
  await dollar.transfer.staticCall(sink, 10n ** 12n);
} catch (error) {
  seen.reverted = isCallException(error) && [error.revert?.name ?? dollar.interface.parseError(error.data).name];
}
try {
  await dollar.transfer(sink, 10n ** 12n);
} catch (error) {
  seen.refused = error.code;
}
wallet.reset();
const forced = await dollar.transfer(sink, 10n ** 12n, { gasLimit: 200_000n });
try {
  await forced.wait(1, 10_000);
} catch (error) {
  seen.failed = [error.code, error.receipt.status];
}
try {
  await new Wallet(key, provider).sendTransaction({ to: sink, nonce: 0 });
} catch (error) {
  seen.nonce = error.code;
}
try {
  await new Wallet("0x" + "77".repeat(32), provider).sendTransaction({ to: sink, value: 1n, gasLimit: 21_000n });
} catch (error) {
  seen.poor = error.code;
}
const block = await provider.getBlock(receipt.blockNumber, true);
seen.block = block.prefetchedTransactions[0].hash === receipt.hash;
seen.fees = (await provider.getFeeData()).maxFeePerGas > 0n;

if (process.argv[5] === "websocket") {
  const socket = new WebSocketProvider(url.replace("http", "ws"));
  const live = new Contract(address, artifact.abi, socket);
  const log = new Promise((done) => live.once("Transfer", (from, to, value) => done(value)));
  const head = new Promise((done) => socket.once("block", done));
  await Promise.all([live.listenerCount(), socket.getBlockNumber()]);
  await new Promise((done) => setTimeout(done, 2_000));
  const mined = await (await dollar.mint(sink, 77n)).wait(1, 10_000);
  seen.live = [await log, (await head) === mined.blockNumber];
  await socket.destroy();
}
provider.destroy();
console.log(JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
process.exit(0);
