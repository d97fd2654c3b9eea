// viem hears of blocks by a socket, over the end of a node and its return. Argument: the node's URL.
import { createPublicClient, webSocket } from "viem";
import { foundry } from "viem/chains";

const transport = webSocket(process.argv[2].replace("http", "ws"), { reconnect: { attempts: 100, delay: 100 }, keepAlive: { interval: 100 }, retryCount: 0 });
const client = createPublicClient({ chain: foundry, transport });

// The library connects again by itself, and leaves it to its user to subscribe again; it tells of an end more than once,
// so there may be several subscriptions afterwards.
async function subscribe() {
  try {
    await client.transport.subscribe({
      params: ["newHeads"],
      onData: ({ result }) => console.log(`heard ${Number(result.number)}`),
      onError: () => setTimeout(subscribe, 100),
    });
    console.log("subscribed");
  } catch {
    setTimeout(subscribe, 100);
  }
}
await subscribe();
