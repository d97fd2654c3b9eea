// Somebody who has the ABIs, docs/reference/contracts.md and ethers, and nothing else, uses every function there is.
// Arguments: node URL, folder of artifacts, the page, a funded private key, addresses by contract name (JSON).
// Prints, as one JSON object, what was seen and which functions of the ABIs were not used.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AbiCoder, Contract, JsonRpcProvider, Signature, Wallet, hexlify, id, keccak256, parseEther, randomBytes } from "ethers";

const [url, folder, page, key, given] = process.argv.slice(2);
const addresses = JSON.parse(given);
const provider = new JsonRpcProvider(url, 31337, { staticNetwork: true, pollingInterval: 20, cacheTimeout: -1 });
const abis = Object.fromEntries(
  readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => JSON.parse(readFileSync(join(folder, file), "utf8"))).map((one) => [one.name, one.abi]),
);
const funder = new Wallet(key, provider);
const [alice, bob, carol] = [1, 2, 3].map((n) => new Wallet(id(`stranger ${n}`), provider));
const used = new Set();
const seen = {};
const never = 2n ** 48n;
const salt = () => hexlify(randomBytes(32));
const coded = (types, values) => keccak256(AbiCoder.defaultAbiCoder().encode(types, values));
const dollars = 1_000_000n;

// use(name, who) calls by signature, so that what was called can be compared with the ABI.
const contracts = Object.fromEntries(Object.entries(abis).map(([name, abi]) => [name, new Contract(addresses[name], abi, provider)]));
function use(name, who = carol) {
  const contract = contracts[name].connect(who);
  return async (signature, ...args) => {
    const found = contract.getFunction(signature);
    used.add(`${name}.${found.fragment.format("sighash")}`);
    if (found.fragment.constant) return found.staticCall(...args);
    const receipt = await (await found.send(...args)).wait(1, 20_000);
    if (receipt.status !== 1) throw new Error(`${name}.${signature} failed`);
    return receipt.logs.map((log) => contract.interface.parseLog(log)).filter((log) => log !== null);
  };
}
async function refused(name, who, signature, ...args) {
  used.add(`${name}.${contracts[name].getFunction(signature).fragment.format("sighash")}`);
  try {
    await contracts[name].connect(who).getFunction(signature).staticCall(...args);
  } catch (error) {
    return contracts[name].interface.parseError(error.data).name;
  }
  throw new Error(`${name}.${signature} was not refused`);
}
function same(found, wanted, what) {
  if (String(found).toLowerCase() !== String(wanted).toLowerCase()) throw new Error(`${what}: ${found} is not ${wanted}`);
}

// The page's table of signed acts: | `Contract.function`... | domain name | `Type(fields)` |
const acts = {};
for (const [, functions, domain, type, fields] of readFileSync(page, "utf8").matchAll(/^\| (.*?) \| (Freehold[^|]*?) \| `(\w+)\(([^)]*)\)` \|$/gm)) {
  const parsed = fields.split(",").map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] }));
  acts[type] = { contract: functions.match(/`(\w+)\./)[1], domain, fields: parsed };
}
async function signed(who, type, value) {
  const { contract, domain, fields } = acts[type];
  const separated = { name: domain, version: "1", chainId: 31337, verifyingContract: addresses[contract] };
  const told = await use(contract)("eip712Domain");
  same([told.name, told.version, told.chainId, told.verifyingContract], Object.values(separated), "domain");
  return who.signTypedData(separated, { [type]: fields }, value);
}

// EIP-2612 and EIP-3009, as the standards have them.
const uints = (...names) => names.map((name) => ({ name, type: "uint256" }));
const accounts = (...names) => names.map((name) => ({ name, type: "address" }));
const nonceField = { name: "nonce", type: "bytes32" };
const moves = [...accounts("from", "to"), ...uints("value", "validAfter", "validBefore"), nonceField];
const standard = {
  Permit: [...accounts("owner", "spender"), ...uints("value", "nonce", "deadline")],
  TransferWithAuthorization: moves,
  ReceiveWithAuthorization: moves,
  CancelAuthorization: [...accounts("authorizer"), nonceField],
};
async function authorized(who, type, value) {
  const told = await use("TestDollar")("eip712Domain");
  const domain = { name: told.name, version: told.version, chainId: told.chainId, verifyingContract: told.verifyingContract };
  return who.signTypedData(domain, { [type]: standard[type] }, value);
}
const receive = (who, to, value, nonce) =>
  authorized(who, "ReceiveWithAuthorization", { from: who.address, to: addresses[to], value, validAfter: 0n, validBefore: never, nonce });
const split = (signature) => { const { v, r, s } = Signature.from(signature); return [v, r, s]; };

async function dollar() {
  const [token, asAlice, asBob] = [use("TestDollar"), use("TestDollar", alice), use("TestDollar", bob)];
  same(await token("name"), "Freehold Test Dollar", "name");
  same([await token("symbol"), await token("decimals"), await token("version"), await token("MINT_LIMIT")], ["TUSD", 6, "1", 2n ** 64n - 1n], "token");
  for (const who of [alice, bob]) await token("mint", who.address, 100n * dollars);
  await asAlice("transfer", bob.address, dollars);
  await asAlice("approve", bob.address, dollars);
  await asBob("transferFrom", alice.address, bob.address, dollars);
  const nonce = await token("nonces", alice.address);
  const permit = await authorized(alice, "Permit", { owner: alice.address, spender: bob.address, value: 5n, nonce, deadline: never });
  await token("permit", alice.address, bob.address, 5n, never, ...split(permit));
  same(await token("allowance", alice.address, bob.address), 5n, "permit");
  for (const form of ["bytes", "uint8,bytes32,bytes32"]) {
    const shape = (signature) => (form === "bytes" ? [signature] : split(signature));
    for (const [kind, sender] of [["transfer", token], ["receive", asBob]]) {
      const value = { from: alice.address, to: bob.address, value: 7n, validAfter: 0n, validBefore: never, nonce: salt() };
      const type = kind === "transfer" ? "TransferWithAuthorization" : "ReceiveWithAuthorization";
      const signature = await authorized(alice, type, value);
      await sender(`${kind}WithAuthorization(address,address,uint256,uint256,uint256,bytes32,${form})`, ...Object.values(value), ...shape(signature));
      same(await token("authorizationState", alice.address, value.nonce), true, kind);
    }
    const unused = { authorizer: alice.address, nonce: salt() };
    const signature = await authorized(alice, "CancelAuthorization", unused);
    await token(`cancelAuthorization(address,bytes32,${form})`, ...Object.values(unused), ...shape(signature));
    same(await token("authorizationState", alice.address, unused.nonce), true, "cancel");
  }
  await token("DOMAIN_SEPARATOR");
  same(await token("totalSupply"), 200n * dollars, "supply");
  seen.dollars = [await token("balanceOf", alice.address), await token("balanceOf", bob.address)];
}

async function logsAndRevocations() {
  const root = id("root");
  await use("LogAnchors", alice)("anchor", 3n, root);
  const grown = { account: alice.address, size: 9n, root: id("next"), deadline: never };
  await use("LogAnchors")("anchorBySig", ...Object.values(grown), await signed(alice, "Anchor", grown));
  seen.head = (await use("LogAnchors")("headOf", alice.address)).size;
  seen.shrunk = await refused("LogAnchors", alice, "anchor", 9n, root);
  await use("Revocations", alice)("revoke", 4n);
  const revoke = { issuer: alice.address, index: 300n, deadline: never };
  await use("Revocations")("revokeBySig", ...Object.values(revoke), await signed(alice, "Revoke", revoke));
  seen.revoked = await Promise.all([4n, 300n, 5n].map((index) => use("Revocations")("isRevoked", alice.address, index)));
}

async function timestamps() {
  const plan = id("plan");
  same(await use("Timestamps")("stampedAt", plan), 0n, "not stamped yet");
  const [event] = await use("Timestamps", alice)("stamp", plan);
  same(event.args.hash, plan, "stamped hash");
  seen.stamped = (await use("Timestamps")("stampedAt", plan)) > 0n;
  seen.stamped_again = await refused("Timestamps", bob, "stamp", plan);
}

async function assets() {
  const [anyone, asAlice, asBob] = [use("Assets"), use("Assets", alice), use("Assets", bob)];
  await asAlice("register", id("asset"));
  const act = { owner: alice.address, asset: id("second asset"), deadline: never };
  await anyone("registerBySig", ...Object.values(act), await signed(alice, "Register", act));
  const [one, two] = [coded(["address", "bytes32"], [alice.address, id("asset")]), coded(["address", "bytes32"], [alice.address, act.asset])];
  same(await anyone("tokenIdOf", alice.address, id("asset")), BigInt(one), "token id");
  same(await anyone("balanceOf", alice.address), 2n, "assets");
  await asAlice("approve", bob.address, one);
  same(await anyone("getApproved", one), bob.address, "approved");
  await asBob("transferFrom", alice.address, bob.address, one);
  await asBob("safeTransferFrom(address,address,uint256)", bob.address, alice.address, one);
  await asAlice("setApprovalForAll", bob.address, true);
  same(await anyone("isApprovedForAll", alice.address, bob.address), true, "operator");
  await asBob("safeTransferFrom(address,address,uint256,bytes)", alice.address, bob.address, two, "0x01");
  seen.owners = [await anyone("ownerOf", one), await anyone("ownerOf", two)].map((owner) => (owner === alice.address ? "alice" : "bob"));
  seen.about = [await anyone("name"), await anyone("symbol"), await anyone("tokenURI", one), await anyone("supportsInterface", "0x80ac58cd")];
}

async function market() {
  const offer = (price) => ({ grant: salt(), seller: alice.address, buyer: bob.address, token: addresses.TestDollar, price, deadline: never });
  const [sent, carried] = [offer(2n * dollars), offer(3n * dollars)];
  await use("TestDollar", bob)("approve", addresses.Market, sent.price);
  await use("Market", bob)("buy", sent, await signed(alice, "Offer", sent));
  const hash = await use("Market")("hashOffer", carried);
  await use("Market")("buyWithAuthorization", carried, await signed(alice, "Offer", carried), 0n, never, await receive(bob, "Market", carried.price, hash));
  seen.bought = (await Promise.all([sent, carried].map(async (one) => use("Market")("purchasedAt", await use("Market")("hashOffer", one))))).every((at) => at > 0n);
  seen.again = await refused("Market", bob, "buy", sent, await signed(alice, "Offer", sent));
}

async function shares() {
  const owners = [alice.address, bob.address];
  await use("ModelShares", alice)("release", id("model"), owners, [75n, 25n]);
  const act = { releaser: alice.address, model: id("second model"), owners, shares: [1n, 1n], deadline: never };
  await use("ModelShares")("releaseBySig", ...Object.values(act), await signed(alice, "Release", act));
  const model = await use("ModelShares")("idOf", alice.address, id("model"));
  same(model, BigInt(coded(["address", "bytes32"], [alice.address, id("model")])), "model id");
  seen.shares = [await use("ModelShares")("balanceOf", alice.address, model), await use("ModelShares")("totalSupply", model)];
  await use("ModelShares", alice)("approve", bob.address, model, 5n);
  await use("ModelShares", alice)("setOperator", carol.address, true);
  seen.allowed = [await use("ModelShares")("allowance", alice.address, bob.address, model), await use("ModelShares")("isOperator", alice.address, carol.address)];
  seen.fixed = [
    await refused("ModelShares", alice, "transfer", bob.address, model, 1n),
    await refused("ModelShares", carol, "transferFrom", alice.address, bob.address, model, 1n),
  ];
  seen.most = await use("ModelShares")("MAX_OWNERS");
  await use("ModelShares")("supportsInterface", "0x0f632fb3");
}

async function revenue() {
  const anyone = use("Revenue");
  const leaves = [[alice.address, 75n], [bob.address, 25n]].map((one) => keccak256(coded(["address", "uint256"], one)));
  const root = keccak256("0x" + [...leaves].sort().map((leaf) => leaf.slice(2)).join(""));
  await use("Revenue", alice)("open", id("model"), addresses.TestDollar, root, 100n);
  const act = { opener: alice.address, model: id("second model"), token: addresses.TestDollar, splitRoot: root, totalShares: 100n, deadline: never };
  await anyone("openBySig", ...Object.values(act), await signed(alice, "Open", act));
  const pool = coded(["address", "bytes32"], [alice.address, id("model")]);
  await use("TestDollar", bob)("approve", addresses.Revenue, 4n * dollars);
  await use("Revenue", bob)("deposit", pool, 4n * dollars);
  const purpose = salt();
  const nonce = coded(["bytes32", "bytes32"], [pool, purpose]);
  await anyone("depositWithAuthorization", pool, bob.address, 4n * dollars, 0n, never, purpose, await receive(bob, "Revenue", 4n * dollars, nonce));
  same(await anyone("claimable", pool, alice.address, 75n), 6n * dollars, "claimable");
  await anyone("claim", pool, alice.address, 75n, [leaves[1]]);
  seen.claimed = await anyone("claimed", pool, alice.address);
  seen.pool = [(await anyone("poolOf", pool)).totalShares, (await anyone("poolOf", pool)).token.toLowerCase() === addresses.TestDollar.toLowerCase()];
  seen.unproved = await refused("Revenue", carol, "claim", pool, bob.address, 26n, [leaves[0]]);
  return pool;
}

async function channels(pool) {
  const [anyone, asBob] = [use("Channels"), use("Channels", bob)];
  same(await anyone("REVENUE"), addresses.Revenue, "revenue");
  await use("TestDollar", bob)("approve", addresses.Channels, 10n * dollars);
  const [first, second] = [salt(), salt()].map((one) => [one, coded(["address", "bytes32", "bytes32"], [bob.address, pool, one])]);
  await asBob("open", pool, 2n * dollars, first[0]);
  await anyone("openWithAuthorization", bob.address, pool, dollars, second[0], 0n, never, await receive(bob, "Channels", dollars, second[1]));
  await asBob("topUp", first[1], dollars);
  const purpose = salt();
  const nonce = coded(["bytes32", "bytes32"], [first[1], purpose]);
  await anyone("topUpWithAuthorization", first[1], bob.address, dollars, 0n, never, purpose, await receive(bob, "Channels", dollars, nonce));
  const voucher = { channel: first[1], cumulative: 3n * dollars };
  await anyone("settle", ...Object.values(voucher), await signed(bob, "Voucher", voucher));
  await asBob("requestClose", first[1]);
  const close = { channel: second[1], deadline: never };
  await anyone("requestCloseBySig", ...Object.values(close), await signed(bob, "RequestClose", close));
  seen.early = await refused("Channels", carol, "withdraw", first[1]);
  await provider.send("evm_increaseTime", [Number(await anyone("CLOSE_DELAY")) + 1]);
  await provider.send("evm_mine", []);
  for (const channel of [first[1], second[1]]) await anyone("withdraw", channel);
  const state = await anyone("channelOf", first[1]);
  seen.channel = [state.payer === bob.address, state.deposited, state.settled, state.closesAt === 2n ** 64n - 1n];
}

for (const who of [alice, bob, carol]) await (await funder.sendTransaction({ to: who.address, value: parseEther("1") })).wait(1, 20_000);
await dollar();
await logsAndRevocations();
await timestamps();
await assets();
await market();
await shares();
await channels(await revenue());
// a signature for one act, given to another contract or by another account, is none
const act = { owner: alice.address, asset: id("third"), deadline: never };
seen.forged = await refused("Assets", carol, "registerBySig", ...Object.values(act), await signed(bob, "Register", act));
seen.acts = Object.keys(acts).sort();
seen.unused = Object.entries(contracts).flatMap(([name, contract]) =>
  contract.interface.fragments.filter((one) => one.type === "function").map((one) => `${name}.${one.format("sighash")}`)).filter((one) => !used.has(one));
seen.used = used.size;
provider.destroy();
console.log(JSON.stringify(seen, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
process.exit(0);
