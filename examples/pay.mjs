// Buy answers over plain HTTP, in JavaScript: viem signs, fetch does the rest.
//
//     node examples/pay.mjs http://127.0.0.1:7403 'Tumour model' rows.json < wallet.key
//
// The private key comes on standard input. What was signed is kept in `payment.QUESTION` before it is sent: run again,
// the same question is paid once.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { encodeAbiParameters, keccak256, recoverTypedDataAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const MOST_UNITS = 10_000; // no call is paid that costs more: $0.01
const MOST_BYTES = 1024 * 1024; // of an answer: no seller fills the memory
// what is paid with, here the test dollar of a local chain. For another network, look it up yourself: never ask the seller
const CHAIN_ID = 31337;
const TOKEN = {
  name: "Freehold Test Dollar",
  version: "1",
  chainId: CHAIN_ID,
  verifyingContract: "0xb019e73917ae6b04e23062ec207fe71bbd6a3812",
};
// contracts of this version of Freehold, at the same addresses on every network
const REVENUE = "0x854aadc14695192dbd26cb7d1f3a9f26617fec24";
const REVOCATIONS = "0x46b4edd31e1e171c2314b95685335986348d9362";
const RECEIVE =
  "ReceiveWithAuthorization(address from,address to,uint256 value," +
  "uint256 validAfter,uint256 validBefore,bytes32 nonce)";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

// canonical JSON; whatever is hashed here is ASCII text and whole numbers, so sorted keys are enough (RFC 8785)
const canonical = (value) =>
  JSON.stringify(value, (_, one) =>
    one && typeof one === "object" && !Array.isArray(one)
      ? Object.fromEntries(Object.keys(one).sort().map((name) => [name, one[name]]))
      : one,
  );

// `Name(type field,...)` as viem wants it
const typesOf = (written) => {
  const [name, fields] = written.slice(0, -1).split("(");
  return { [name]: fields.split(",").map((one) => ({ type: one.split(" ")[0], name: one.split(" ")[1] })) };
};

// status and JSON of a request, or the beginning of what is none
const ask = async (url, body, payment) => {
  const headers = { "content-type": "application/json" };
  // base64url of the JSON object
  if (payment) headers["Freehold-Payment"] = Buffer.from(JSON.stringify(payment)).toString("base64url");
  // rows and payment go to the address that was typed, and no seller is waited for without end
  const limits = { redirect: "error", signal: AbortSignal.timeout(60_000) };
  const response = await fetch(url, { method: body ? "POST" : "GET", body, headers, ...limits });
  const pieces = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    assert.ok(size <= MOST_BYTES, `${url} answers with more than ${MOST_BYTES} bytes`);
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString();
  try {
    return [response.status, JSON.parse(text)];
  } catch {
    return [response.status, text.slice(0, 200)];
  }
};

// price and pool of a quote; all else that it says of the payment must be what we sign anyway
const accepted = (quote) => {
  const { call_units: units, pool } = quote;
  const isPrice = Number.isSafeInteger(units) && 1 <= units && units <= MOST_UNITS;
  assert.ok(isPrice, `this call costs ${JSON.stringify(units)} units`);
  const { to, value_units, sign } = quote.how.find((one) => one.kind === "transfer");
  assert.deepEqual(
    [quote.token, quote.chain_id, to, value_units, sign.domain, sign.type],
    [TOKEN.verifyingContract, CHAIN_ID, REVENUE, units, TOKEN, RECEIVE],
  );
  assert.match(pool, /^0x[0-9a-f]{64}$/);
  return [units, pool];
};

// one EIP-3009 transfer into the model's pool: what is signed is ours, but for the pool and the price we compared
const sign = async (account, units, pool) => {
  const salt = `0x${randomBytes(32).toString("hex")}`;
  const until = Math.floor(Date.now() / 1000) + 3_600;
  const nonce = keccak256(encodeAbiParameters([{ type: "bytes32" }, { type: "bytes32" }], [pool, salt]));
  const signature = await account.signTypedData({
    domain: TOKEN,
    types: typesOf(RECEIVE),
    primaryType: "ReceiveWithAuthorization",
    message: {
      from: account.address,
      to: REVENUE,
      value: BigInt(units),
      validAfter: 0n,
      validBefore: BigInt(until),
      nonce,
    },
  });
  return {
    kind: "transfer",
    payer: account.address.toLowerCase(),
    value_units: units,
    valid_after: 0,
    valid_before: until,
    salt,
    // without it, whoever reads the payment on chain could ask for its answer
    secret: `0x${randomBytes(32).toString("hex")}`,
    signature,
  };
};

// keep what is signed before it is sent, whole or not at all; of two at once the first one kept is sent by both
const keep = (file, payment) => {
  const beside = `${file}.${randomBytes(8).toString("hex")}`;
  try {
    const descriptor = openSync(beside, "wx", 0o600);
    writeFileSync(descriptor, JSON.stringify(payment));
    fsyncSync(descriptor);
    closeSync(descriptor);
    linkSync(beside, file);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    if (existsSync(beside)) unlinkSync(beside);
  }
  const folder = openSync(".", "r");
  fsyncSync(folder);
  closeSync(folder);
};

// the answer is to this question, and the receipt is the seller's, for both
const check = async (answer, body, account, about) => {
  const asked = JSON.parse(body);
  assert.equal(answer.model, asked.model);
  assert.equal(answer.outputs.length, asked.rows.length, "there is not one output for each row");
  const receipt = answer.receipt.document;
  const seller = about.party.document.account;
  assert.equal(receipt.evidence.request, `0x${sha256(body)}`);
  assert.equal(receipt.output, `0x${sha256(canonical({ model: answer.model, outputs: answer.outputs }))}`);
  assert.deepEqual([receipt.provider, receipt.holder], [seller, account.address.toLowerCase()]);
  const signer = await recoverTypedDataAddress({
    domain: { name: "Freehold", version: "1", chainId: CHAIN_ID, verifyingContract: REVOCATIONS },
    types: typesOf("Document(string kind,string role,bytes32 subject,bytes32 id)"),
    primaryType: "Document",
    message: {
      kind: "receipt",
      role: "provider",
      subject: receipt.grant,
      id: `0x${sha256(canonical(receipt))}`,
    },
    signature: answer.receipt.signatures.find((one) => one.role === "provider").signature,
  });
  assert.equal(signer.toLowerCase(), seller);
};

const [url, model, rows] = process.argv.slice(2);
const account = privateKeyToAccount(readFileSync(0, "utf8").trim());
// 1. find the model: an id is taken as it is, since a seller may call another model by it; by a name, it says which
const named = async () => {
  const [, { models }] = await ask(`${url}/v1/models`);
  const found = models.filter((one) => one.name === model);
  assert.equal(found.length, 1, `${found.length} models are called ${model}`);
  return found[0].id;
};
const id = /^0x[0-9a-f]{64}$/.test(model) ? model : await named();
const body = JSON.stringify({ model: id, rows: JSON.parse(readFileSync(rows, "utf8")) });
const kept = `payment.${sha256(body)}`;
if (!existsSync(kept)) {
  // 2. ask: 402 says what to pay and how
  const [status, problem] = await ask(`${url}/v1/predict`, body);
  assert.equal(status, 402, JSON.stringify(problem));
  // 3. compare, sign, and keep it before it is sent
  keep(kept, await sign(account, ...accepted(problem.fields)));
}
const payment = JSON.parse(readFileSync(kept, "utf8"));
// 4. send it; the same again gives the same answer, and takes nothing
const first = await ask(`${url}/v1/predict`, body, payment);
assert.equal(first[0], 200, JSON.stringify(first[1]));
assert.deepEqual(await ask(`${url}/v1/predict`, body, payment), first);
// 5. check the receipt
const [, about] = await ask(`${url}/.well-known/freehold.json`);
await check(first[1], body, account, about);
process.stdout.write(JSON.stringify(first[1]));
