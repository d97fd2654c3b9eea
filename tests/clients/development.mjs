// What viem and ethers offer for development nodes, and delegations (EIP-7702). Prints one JSON object.
// Arguments: node URL, private key, address of a contract that keeps its caller at slot 0.
import { JsonRpcProvider, Wallet } from "ethers";
import { createPublicClient, createTestClient, createWalletClient, http, publicActions, testActions, walletActions } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";

const [url, key, keeper] = process.argv.slice(2);
const account = privateKeyToAccount(key);
const common = { chain: foundry, transport: http(url), pollingInterval: 50, cacheTime: 0 };
const client = createPublicClient(common);
const wallet = createWalletClient({ ...common, account });
const sink = "0x" + "11".repeat(20);
const person = "0x" + "33".repeat(20);
const seen = {};
const wait = (hash) => client.waitForTransactionReceipt({ hash, timeout: 10_000 });

// viem: a delegation of the sender itself, and of another; what is estimated is sent
for (const [name, signer] of [["self", account], ["other", privateKeyToAccount(generatePrivateKey())]]) {
  const executor = name === "self" ? "self" : undefined;
  const authorization = await wallet.signAuthorization({ account: signer, contractAddress: keeper, executor });
  const asked = { account, to: signer.address, authorizationList: [authorization] };
  const gas = await client.estimateGas(asked);
  const receipt = await wait(await wallet.sendTransaction({ ...asked, gas }));
  seen[name] = [receipt.status, (await client.getCode({ address: signer.address })) === "0xef0100" + keeper.slice(2).toLowerCase()];
}

// ethers: the same, filled in by itself
const provider = new JsonRpcProvider(url, 31337, { staticNetwork: true, pollingInterval: 20, cacheTimeout: -1 });
const sender = new Wallet(key, provider);
const stranger = Wallet.createRandom(provider);
const authorization = await stranger.authorize({ address: keeper, nonce: 0, chainId: 31337 });
const request = { type: 4, to: stranger.address, authorizationList: [authorization] };
const sent = await sender.sendTransaction({ ...request, gasLimit: await sender.estimateGas(request) });
seen.ethers = [(await sent.wait()).status, await provider.getCode(stranger.address)];
seen.ethers[1] = seen.ethers[1] === "0xef0100" + keeper.slice(2).toLowerCase();

// impersonation, by viem in both its modes and by ethers
for (const mode of ["anvil", "hardhat"]) {
  const test = createTestClient({ ...common, mode }).extend(publicActions).extend(walletActions);
  await test.setBalance({ address: person, value: 10n ** 18n });
  await test.impersonateAccount({ address: person });
  const hash = await test.sendTransaction({ account: person, to: sink, value: 5n });
  seen[mode] = [(await wait(hash)).from === person, (await client.getTransaction({ hash })).s];
  await test.stopImpersonatingAccount({ address: person });
  seen[mode].push(await test.sendTransaction({ account: person, to: sink }).then(() => "taken", (error) => error.shortMessage ? "refused" : error));
}
await provider.send("anvil_impersonateAccount", [person]);
const signer = await provider.getSigner(person);
seen.signer = (await (await signer.sendTransaction({ to: sink, value: 1n })).wait()).status;
const own = await provider.getSigner(0);
seen.own = [own.address === account.address, (await (await own.sendTransaction({ to: sink })).wait()).status];

// simulation, as viem wraps it
const { results } = await client.simulateCalls({
  account: person, calls: [{ to: sink, value: 7n }, { to: keeper }], traceAssetChanges: false,
});
seen.simulated = results.map((one) => one.status);
const blocks = await client.simulateBlocks({
  blocks: [
    { stateOverrides: [{ address: sink, code: "0x00" }], calls: [{ account: person, to: sink, value: 1n }] },
    { blockOverrides: { time: 2n ** 40n }, calls: [{ account: person, to: keeper }] },
  ],
  traceTransfers: true,
});
seen.blocks = blocks.map((block) => block.calls.map((call) => [call.status, call.logs.length]));

// what waits
const test = createTestClient({ ...common, mode: "anvil" }).extend(testActions({ mode: "anvil" }));
const nonce = await client.getTransactionCount({ address: account.address });
await wallet.sendTransaction({ to: sink, nonce: nonce + 1, gas: 21_000n });
const status = await test.getTxpoolStatus();
const content = await test.getTxpoolContent();
seen.queue = [status.pending, status.queued, Object.keys(content.queued[account.address])[0] === String(nonce + 1)];
console.log(JSON.stringify(seen));
process.exit(0);
