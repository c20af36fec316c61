// PouchDB, told what to do: one JSON object a line comes in, [number, verb, argument…]; one goes out, [number, outcome].
//
//   node client.mjs PACKAGES     PACKAGES is the folder that holds node_modules
//
// A database is named by its URL or by a folder (LevelDB). Nothing is decided here: what is right is the tests' business.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(`${process.argv[2]}/`);
const PouchDB = require("pouchdb");
PouchDB.plugin(require("pouchdb-find"));

const opened = new Map();
const running = new Map();

function at(name) {
  if (!opened.has(name)) opened.set(name, new PouchDB(name));
  return opened.get(name);
}

// All leaves of all documents, and what the winner holds.
async function everything(name) {
  const { results } = await at(name).changes({ style: "all_docs", include_docs: true, conflicts: true, return_docs: true });
  return results.map((row) => [row.id, { winner: row.doc, leaves: row.changes.map((change) => change.rev).sort() }]);
}

// Log in at a server, and open a database there that is asked for with the cookie.
async function withCookie(server, name, user, password) {
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const answer = await fetch(`${server}/_session`, { method: "POST", headers, body: new URLSearchParams({ name: user, password }) });
  const cookie = answer.headers.get("set-cookie")?.split(";")[0] ?? "";
  const asked = (url, options) => {
    options.headers.set("Cookie", cookie);
    return PouchDB.fetch(url, options);
  };
  opened.set(name, new PouchDB(name, { fetch: asked, skip_setup: true }));
  return answer.status;
}

function trimmed(outcome) {
  const { ok, docs_read, docs_written, doc_write_failures, errors, last_seq } = outcome;
  return { ok, docs_read, docs_written, doc_write_failures, errors, last_seq };
}

// The promise of what a feed of `name` tells of a document, when it is as wanted: there, deleted, with that item.
function until(name, id, item, value) {
  return new Promise((resolve, reject) => {
    const feed = at(name).changes({ live: true, include_docs: true, doc_ids: [id] });
    feed.on("error", reject);
    feed.on("change", ({ doc }) => {
      if (doc[item] !== value) return;
      feed.cancel();
      resolve(doc);
    });
  });
}

const verbs = {
  put: (name, doc) => at(name).put(doc),
  bulk: (name, docs) => at(name).bulkDocs(docs),
  remove: (name, id, rev) => at(name).remove(id, rev),
  get: (name, id, options) => at(name).get(id, options),
  info: (name) => at(name).info(),
  find: (name, request) => at(name).find(request),
  index: (name, fields) => at(name).createIndex({ index: { fields } }),
  everything,
  until,
  withCookie,
  replicate: async (from, to, options) => trimmed(await PouchDB.replicate(at(from), at(to), options)),
  sync: async (here, there) => {
    const { push, pull } = await PouchDB.sync(at(here), at(there));
    return { push: trimmed(push), pull: trimmed(pull) };
  },
  // Both ways, until `stop`.
  live: async (key, here, there) => {
    const sync = PouchDB.sync(at(here), at(there), { live: true, retry: true, back_off_function: () => 100 });
    const ended = new Promise((resolve) => sync.on("complete", resolve).on("error", resolve));
    running.set(key, { sync, ended });
  },
  stop: async (key) => {
    const { sync, ended } = running.get(key);
    sync.cancel();
    await ended;
  },
};

async function answered([number, verb, ...rest]) {
  try {
    return [number, { value: (await verbs[verb](...rest)) ?? null }];
  } catch (error) {
    return [number, { error: { status: error.status, name: error.name, reason: error.reason ?? error.message } }];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  answered(JSON.parse(line)).then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
}
process.exit(0);
