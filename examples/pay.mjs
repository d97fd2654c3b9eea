// Buy answers over plain HTTP, in JavaScript: viem signs, fetch does the rest.
//
//     node examples/pay.mjs http://127.0.0.1:7403 'Tumour model' rows.json < wallet.key
//
// The private key comes on standard input. What was signed is kept in `payment.json` before it is sent: run again, the
// same question is paid once.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { encodeAbiParameters, keccak256, recoverTypedDataAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const MOST_UNITS = 10_000; // no call is paid that costs more: $0.01
const KEPT = "payment.json";

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

const ask = async (url, body, payment) => {
  const headers = { "content-type": "application/json" };
  // base64url of the JSON object
  if (payment) headers["Freehold-Payment"] = Buffer.from(JSON.stringify(payment)).toString("base64url");
  const response = await fetch(url, { method: body ? "POST" : "GET", body, headers });
  return [response.status, await response.json()];
};

// a payment of what the quote says: one EIP-3009 transfer into the model's pool
const sign = async (account, quote) => {
  const how = quote.how.find((one) => one.kind === "transfer");
  const salt = `0x${randomBytes(32).toString("hex")}`;
  const until = Math.floor(Date.now() / 1000) + 3_600;
  const nonce = keccak256(encodeAbiParameters([{ type: "bytes32" }, { type: "bytes32" }], [quote.pool, salt]));
  const types = typesOf(how.sign.type);
  const signature = await account.signTypedData({
    domain: how.sign.domain,
    types,
    primaryType: Object.keys(types)[0],
    message: {
      from: account.address,
      to: how.to,
      value: BigInt(how.value_units),
      validAfter: 0n,
      validBefore: BigInt(until),
      nonce,
    },
  });
  return {
    kind: "transfer",
    payer: account.address.toLowerCase(),
    value_units: how.value_units,
    valid_after: 0,
    valid_before: until,
    salt,
    // without it, whoever reads the payment on chain could ask for its answer
    secret: `0x${randomBytes(32).toString("hex")}`,
    signature,
  };
};

// the receipt is the seller's, for this question and this answer
const check = async (answer, body, account, about) => {
  const receipt = answer.receipt.document;
  const seller = about.party.document.account;
  assert.equal(receipt.evidence.request, `0x${sha256(body)}`);
  assert.equal(receipt.output, `0x${sha256(canonical({ model: answer.model, outputs: answer.outputs }))}`);
  assert.deepEqual([receipt.provider, receipt.holder], [seller, account.address.toLowerCase()]);
  const signer = await recoverTypedDataAddress({
    domain: {
      name: "Freehold",
      version: "1",
      chainId: about.chain_id,
      verifyingContract: about.contracts.Revocations,
    },
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
// 1. find the model
const [, { models }] = await ask(`${url}/v1/models`);
const found = models.filter((one) => [one.id, one.name].includes(model));
assert.equal(found.length, 1, `${found.length} models are called ${model}`);
const body = JSON.stringify({ model: found[0].id, rows: JSON.parse(readFileSync(rows, "utf8")) });
// 2. ask: 402 says what to pay and how
const [status, problem] = await ask(`${url}/v1/predict`, body);
assert.equal(status, 402, JSON.stringify(problem));
const quote = problem.fields;
assert.ok(quote.call_units <= MOST_UNITS, `this call costs ${quote.call_units} units`);
// 3. sign, and keep it before it is sent
const payments = existsSync(KEPT) ? JSON.parse(readFileSync(KEPT, "utf8")) : {};
const question = sha256(body);
if (!payments[question]) {
  payments[question] = await sign(account, quote);
  const file = openSync(KEPT, "w", 0o600);
  writeSync(file, JSON.stringify(payments));
  fsyncSync(file);
  closeSync(file);
}
// 4. send it; the same again gives the same answer, and takes nothing
const first = await ask(`${url}/v1/predict`, body, payments[question]);
assert.equal(first[0], 200, JSON.stringify(first[1]));
assert.deepEqual(await ask(`${url}/v1/predict`, body, payments[question]), first);
// 5. check the receipt
const [, about] = await ask(`${url}/.well-known/freehold.json`);
await check(first[1], body, account, about);
process.stdout.write(JSON.stringify(first[1]));
