// What the scripts beside this one share: what they are given, and one way to say what a library decoded.
export const given = JSON.parse(process.argv[2]);

// Numbers as decimal text and all text in lower case, so that libraries can be compared.
export function plain(value) {
  if (typeof value === "bigint" || typeof value === "number") return value.toString();
  if (typeof value === "string") return value.toLowerCase();
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

// Runs each entry of the tables, one after another, and prints what it gave, by method: those that the library has a
// function for, those asked by name, and what people do with it beyond single methods.
export async function tell(typed, raw, flows) {
  const seen = {};
  for (const [way, table] of Object.entries({ typed, raw, flows }))
    for (const [name, ask] of Object.entries(table)) {
      const method = way === "flows" ? `to ${name}` : name;
      try {
        seen[method] = [way, plain(await ask())];
      } catch (error) {
        seen[method] = [way, { failed: String(error.message ?? error).slice(0, 3000) }];
      }
    }
  console.log(JSON.stringify(seen));
  process.exit(0);
}

export const number = (hex) => BigInt(hex);
export const until = async (ask) => {
  for (let n = 0; n < 1_000; n++) {
    const found = await ask();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error("nothing came");
};
