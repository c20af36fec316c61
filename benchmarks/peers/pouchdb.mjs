// One measurement of PouchDB (LevelDB adapter) in a fresh process; prints one line of JSON.
//
//   node pouchdb.mjs import CORPUS A        bulkDocs in 1000s, from a file of one JSON document a line
//   node pouchdb.mjs replicate A B          A to B, once: first copy, some changed, nothing changed
//   node pouchdb.mjs again A B COUNT        A to B once, then COUNT times more, one by one
//   node pouchdb.mjs sync A B               B to A, then A to B
//   node pouchdb.mjs syncs A B COUNT        the same once, then COUNT times more, one by one
//   node pouchdb.mjs edit A COUNT TAG       change COUNT documents, evenly spread (a preparation, not a measurement)
//   node pouchdb.mjs put A COUNT            save COUNT new documents, one by one
//   node pouchdb.mjs get A COUNT            read COUNT documents, one by one
//   node pouchdb.mjs version                what is measured
//
// A and B are LevelDB folders, or addresses of databases on a server. Opening them is not timed. LevelDB does not wait for
// the disk; nothing here changes that.

import { createReadStream } from "node:fs";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import PouchDB from "pouchdb";

const BULK = 1000;

async function open(path) {
  const db = new PouchDB(path, { adapter: /^https?:/.test(path) ? "http" : "leveldb" });
  await db.info();
  return db;
}

async function timed(work) {
  const [start, usage] = [performance.now(), process.cpuUsage()];
  const outcome = await work();
  const seconds = (performance.now() - start) / 1000;
  const used = process.cpuUsage(usage);
  const cpu_seconds = (used.user + used.system) / 1e6;
  return { seconds, ...outcome, peak_bytes: process.resourceUsage().maxRSS * 1024, cpu_seconds };
}

async function save(db, documents) {
  const rows = await db.bulkDocs(documents);
  const refused = rows.find((row) => row.error);
  if (refused) throw new Error(`bulkDocs refused ${refused.id}: ${refused.message}`);
}

async function importCorpus(corpus, path) {
  const db = await open(path);
  return timed(async () => {
    let documents = 0;
    let batch = [];
    for await (const line of createInterface({ input: createReadStream(corpus), crlfDelay: Infinity })) {
      batch.push(JSON.parse(line));
      if (batch.length === BULK) {
        await save(db, batch);
        documents += batch.length;
        batch = [];
      }
    }
    await save(db, batch);
    return { documents: documents + batch.length };
  });
}

async function oneWay(source, target) {
  const result = await PouchDB.replicate(source, target);
  if (!result.ok || result.doc_write_failures) throw new Error(`replication failed: ${JSON.stringify(result)}`);
  return result.docs_written;
}

async function replicate(from, to) {
  const [source, target] = [await open(from), await open(to)];
  return timed(async () => ({ documents: await oneWay(source, target) }));
}

async function bothWays(a, b) {
  return (await oneWay(b, a)) + (await oneWay(a, b));
}

async function sync(here, there) {
  const [a, b] = [await open(here), await open(there)];
  return timed(async () => ({ documents: await bothWays(a, b) }));
}

// The same choice as in ours.py: COUNT of all UNIDs in order, evenly spread.
async function spread(db, count) {
  const { rows } = await db.allDocs();
  return Array.from({ length: count }, (_, n) => rows[Math.floor((n * rows.length) / count)].id);
}

async function edit(path, count, tag) {
  const db = await open(path);
  const keys = await spread(db, Number(count));
  const { rows } = await db.allDocs({ keys, include_docs: true });
  await save(db, rows.map((row) => ({ ...row.doc, Edited: tag })));
  return { documents: rows.length };
}

async function oneByOne(steps) {
  const latencies = [];
  const outcome = await timed(async () => {
    for (const step of steps) {
      const start = performance.now();
      await step();
      latencies.push((performance.now() - start) / 1000);
    }
    return { documents: steps.length };
  });
  return { ...outcome, latencies };
}

async function again(from, to, count) {
  const [source, target] = [await open(from), await open(to)];
  await oneWay(source, target);
  return oneByOne(Array.from({ length: Number(count) }, () => () => oneWay(source, target)));
}

async function syncs(here, there, count) {
  const [a, b] = [await open(here), await open(there)];
  await bothWays(a, b);
  return oneByOne(Array.from({ length: Number(count) }, () => () => bothWays(a, b)));
}

async function put(path, count) {
  const db = await open(path);
  const item = "x".repeat(800);
  const documents = Array.from({ length: Number(count) }, (_, n) => ({ _id: `single/${n}`, Form: "Single", Number: n, Text: item }));
  return oneByOne(documents.map((document) => () => db.put(document)));
}

async function get(path, count) {
  const db = await open(path);
  const keys = await spread(db, Number(count));
  return oneByOne(keys.map((key) => () => db.get(key)));
}

const verbs = {
  import: importCorpus,
  replicate,
  again,
  sync,
  syncs,
  edit,
  put,
  get,
  version: async () => ({ pouchdb: PouchDB.version, node: process.version.slice(1) }),
};

const [verb, ...rest] = process.argv.slice(2);
if (!Object.hasOwn(verbs, verb)) throw new Error(`unknown measurement: ${verb}`);
console.log(JSON.stringify(await verbs[verb](...rest)));
process.exit(0);
