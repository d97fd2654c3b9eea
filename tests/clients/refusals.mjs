// What ethers and viem make of each refusal: the error that a program would catch. Prints one JSON object.
// Arguments: node URL, JSON of [name, method, parameter] lists.
import { JsonRpcProvider } from "ethers";
import { createPublicClient, http } from "viem";
import { getNodeError } from "viem/utils";

const [url, given] = process.argv.slice(2);
const provider = new JsonRpcProvider(url, 31337, { staticNetwork: true, batchMaxCount: 1 });
const client = createPublicClient({ transport: http(url, { retryCount: 0 }) });
const seen = {};
for (const [name, method, parameter] of JSON.parse(given)) {
  const ethers = await provider.send(method, [parameter]).then(() => "taken", (error) => error.code);
  const viem = await client.request({ method, params: [parameter] })
    .then(() => "taken", (error) => getNodeError(error, {}).name);
  seen[name] = [ethers, viem];
}
console.log(JSON.stringify(seen));
process.exit(0);
