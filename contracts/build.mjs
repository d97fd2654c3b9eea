// Compiles the contracts and writes their artifacts; with --check, writes nothing and fails on any difference.
// The output depends only on the sources and on package-lock.json.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const MODULES = join(HERE, "node_modules");
const REPOSITORY = dirname(HERE);

const GROUPS = [
  { sources: "src", output: join(REPOSITORY, "src", "freehold", "chain", "artifacts") },
  { sources: "test", output: join(REPOSITORY, "tests", "contracts", "artifacts") },
];

// Constructor arguments are addresses of other contracts, which follow from those contracts' code.
const CONSTRUCTORS = { Channels: ["Revenue"] };

const SETTINGS = {
  optimizer: { enabled: true, runs: 1000 },
  viaIR: true, // 2,000 gas off a claim, 2,800 off a purchase
  evmVersion: "cancun",
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

// 2394: transient storage, which OpenZeppelin's lock clears at the end of each call as the warning asks.
const ACCEPTED_WARNINGS = new Set(["2394"]);

function sources(folder) {
  const names = readdirSync(join(HERE, folder)).filter((name) => name.endsWith(".sol")).sort();
  return Object.fromEntries(
    names.map((name) => [`${folder}/${name}`, { content: readFileSync(join(HERE, folder, name), "utf8") }]),
  );
}

function resolveImport(path) {
  const file = join(path.startsWith("@") ? MODULES : HERE, path);
  return existsSync(file) ? { contents: readFileSync(file, "utf8") } : { error: `not found: ${path}` };
}

function compile(solc, folder) {
  const input = { language: "Solidity", sources: sources(folder), settings: SETTINGS };
  const result = JSON.parse(solc.compile(JSON.stringify(input), { import: resolveImport }));
  const problems = (result.errors ?? []).filter(({ errorCode }) => !ACCEPTED_WARNINGS.has(errorCode));
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));
  }
  return result.contracts;
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

function artifacts(solc, folder) {
  const files = new Map();
  for (const [path, contracts] of Object.entries(compile(solc, folder))) {
    if (!path.startsWith(`${folder}/`)) continue;
    for (const [name, { abi, evm }] of Object.entries(contracts)) {
      // Abstract contracts and interfaces have no code, and libraries here are compiled into their callers.
      if (evm.bytecode.object === "" || abi.every(({ type }) => type === "error")) continue;
      const artifact = {
        name,
        abi,
        bytecode: `0x${evm.bytecode.object}`,
        deployed: `0x${evm.deployedBytecode.object}`,
        constructor: CONSTRUCTORS[name] ?? [],
      };
      files.set(`${name}.json`, `${JSON.stringify(sorted(artifact), null, 1)}\n`);
    }
  }
  return files;
}

function differences(output, files) {
  const present = existsSync(output) ? readdirSync(output).filter((name) => name.endsWith(".json")) : [];
  const stale = present.filter((name) => !files.has(name));
  const changed = [...files].filter(
    ([name, text]) => !present.includes(name) || readFileSync(join(output, name), "utf8") !== text,
  );
  return { stale, changed };
}

function build(check) {
  if (!existsSync(join(MODULES, "solc"))) throw new Error("run `npm ci` in contracts/ first");
  const solc = createRequire(import.meta.url)("solc");
  let different = 0;
  for (const { sources: folder, output } of GROUPS) {
    const { stale, changed } = differences(output, artifacts(solc, folder));
    for (const name of [...stale, ...changed.map(([name]) => name)]) {
      console.log(`${check ? "differs" : "wrote"}: ${relative(REPOSITORY, join(output, name))}`);
      different += 1;
    }
    if (check) continue;
    mkdirSync(output, { recursive: true });
    for (const name of stale) rmSync(join(output, name));
    for (const [name, text] of changed) writeFileSync(join(output, name), text);
  }
  return check && different > 0 ? 1 : 0;
}

process.exitCode = build(process.argv.includes("--check"));
