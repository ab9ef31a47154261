import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import type { Connection } from 'mysql2/promise';
import * as z from 'zod';
import type { Target } from '../../cli/target/target.ts';
import {
  parseCopyKey,
  parseFailedKey,
  parseFileKey,
  parsePartKey,
} from '../../domain/versions/key-layout.ts';
import { type LedgerEntry, ledgerEntry } from '../../domain/versions/ledger.ts';
import { parsePartitionPath } from '../../domain/versions/partition-path.ts';
import { transformationReceipt } from '../../domain/versions/receipt.ts';
import { listObjects } from '../../store/listing.ts';
import { tableFiles } from '../pipeline/table-files.ts';
import { rowText, type Table, tableOf } from './model.ts';
import type { Row } from './objects.ts';

/** What is found of one object. */
export interface Found {
  entry: LedgerEntry | undefined;
  readonly lake: string[];
  readonly archive: string[];
  readonly mysql: string[];
  /** Number and code. */
  readonly rejects: string[];
  readonly faults: string[];
  /** How many records were filtered of each version, by its name as it stands in keys, and by reason. */
  readonly filtered: Map<string, Record<string, number>>;
  /** Of everything but the ledger. */
  readonly versions: Set<string>;
}

/** By the hash of the object's key: what its keys end in, everywhere, and what MySQL knows it by. */
export type AllFound = Map<string, Found>;

export const hashOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 24);
const hashIn = (objectId: string) => objectId.slice(-24);

/** Reads every sink whole: nothing that the pipeline says of it is believed. */
export async function readSinks(target: Target, mysql: Connection): Promise<AllFound> {
  const all: AllFound = new Map();
  const of = (hash: string): Found => {
    const found = all.get(hash) ?? nothing();
    all.set(hash, found);
    return found;
  };
  await readLake(target, of);
  await readFailed(target, of);
  await readLedger(target, of);
  for (const table of ['recipes', 'passengers'] as const) await readTable(mysql, table, of);
  return all;
}

type Of = (hash: string) => Found;

export const nothing = (): Found => ({
  entry: undefined,
  lake: [],
  archive: [],
  mysql: [],
  rejects: [],
  faults: [],
  filtered: new Map(),
  versions: new Set(),
});

async function readLake(target: Target, of: Of): Promise<void> {
  const { buckets } = target.outputs;
  const copies = async (bucket: string) => {
    const keys: string[] = [];
    for await (const { Key } of listObjects(target, bucket))
      if (parseCopyKey(Key) !== undefined) keys.push(Key);
    return keys;
  };
  for (const [bucket, sink, keys] of [
    [
      buckets.processed,
      'lake',
      [...(await copies(buckets.processed)), ...(await tableFiles(target, 'recipes'))],
    ],
    [buckets.archive, 'archive', await copies(buckets.archive)],
  ] as const) {
    for (const key of keys) {
      const address = parseFileKey(key);
      const table = tableOf(key);
      if (address === undefined || table === undefined) continue;
      const bytes = await read(target, bucket, key);
      const rows = address.extension === 'csv' ? csvRows(bytes) : await parquetRows(bytes);
      const partition = Object.fromEntries(parsePartitionPath(address.partitionPath));
      const found = of(hashIn(address.objectId));
      found[sink].push(
        ...rows.map((row) => rowText(table, Number(row['_record']), { ...row, ...partition })),
      );
      found.versions.add(address.version);
    }
  }
  for await (const { Key } of listObjects(target, buckets.temp)) {
    const address = parsePartKey(Key);
    if (address !== undefined) of(hashIn(address.objectId)).versions.add(address.version);
  }
}

async function parquetRows(bytes: Uint8Array): Promise<Row[]> {
  const compressors = { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) };
  return parquetReadObjects({ file: new Uint8Array(bytes).buffer, compressors });
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
const texts = new Set(['name', 'sex', 'ticket', 'cabin', 'embarked']);

/**
 * Of passengers, who alone are CSV: an empty field is NULL, `""` is a text. @throws when it is no RFC 4180
 */
function csvRows(bytes: Uint8Array): Row[] {
  const text = Buffer.from(bytes).toString('utf8');
  const lines: (string | null)[][] = [[]];
  let end = 0;
  for (const [field, quoted, plain = '', separator] of text.matchAll(FIELD)) {
    end += field.length;
    lines.at(-1)?.push(quoted?.replaceAll('""', '"') ?? (plain === '' ? null : plain));
    if (separator !== ',') lines.push([]);
  }
  const [header = [], ...rows] = lines.slice(0, -1);
  if (end !== text.length || rows.some((row) => row.length !== header.length))
    throw new Error(`This is no CSV after RFC 4180, from character ${end} on: ${JSON.stringify(text)}`);
  return rows.map((row) =>
    Object.fromEntries(header.map((name, i) => [name, typed(name ?? '', row[i] ?? null)])),
  );
}

function typed(name: string, text: string | null): unknown {
  if (text === null || texts.has(name)) return text;
  if (name === 'survived') return { true: true, false: false }[text] ?? text;
  return Number(text);
}

const fault = z.object({ code: z.string() });
const reject = z.object({ recordNumber: z.int(), code: z.string() });

async function readFailed(target: Target, of: Of): Promise<void> {
  const { failed } = target.outputs.buckets;
  for await (const { Key } of listObjects(target, failed)) {
    const address = parseFailedKey(Key);
    // Notes of what was given up for a while stay until the version goes.
    if (address === undefined || ['attempts', 'gave-up'].includes(address.kind)) continue;
    const found = of(hashIn(address.objectId));
    found.versions.add(address.version);
    const text = Buffer.from(await read(target, failed, Key)).toString('utf8');
    if (address.kind === 'faults') found.faults.push(fault.parse(JSON.parse(text)).code);
    else {
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => reject.parse(JSON.parse(line)));
      found.rejects.push(...lines.map(({ recordNumber, code }) => `${recordNumber} ${code}`));
    }
  }
}

async function readLedger(target: Target, of: Of): Promise<void> {
  const { ledger } = target.outputs.buckets;
  const json = async (key: string): Promise<unknown> =>
    JSON.parse(Buffer.from(await read(target, ledger, key)).toString('utf8'));
  for await (const { Key } of listObjects(target, ledger)) {
    const [kind, , objectId = '', version = '', stage] = Key.split('/');
    if (kind === 'heads')
      of(hashIn(objectId.replace(/\.json$/, ''))).entry = ledgerEntry.parse(await json(Key));
    else if (stage === 'transformation') {
      const { filtered } = transformationReceipt.parse(await json(Key));
      const all = of(hashIn(objectId)).filtered;
      const sums = all.get(version) ?? {};
      for (const [reason, n] of Object.entries(filtered)) sums[reason] = (sums[reason] ?? 0) + n;
      all.set(version, sums);
    }
  }
}

const lists = { recipes: ['ingredients', 'directions', 'tags'], passengers: [] } as const;

/** A table's rows with their lists; an element of a list without its row counts as a row that nobody made. */
async function readTable(connection: Connection, table: Table, of: Of): Promise<void> {
  const ask = async (from: string, order: string): Promise<Record<string, unknown>[]> => {
    const [rows] = await connection.query({
      sql: `SELECT LOWER(HEX(_object)) AS hash, ${from}.* FROM ${from} ORDER BY ${order}`,
      // The driver reads some doubles wrong in the last digit.
      typeCast: ({ type, string }, next) => {
        if (type !== 'DOUBLE') return next();
        const digits = string();
        return digits === null ? null : Number(digits);
      },
    });
    return rows as Record<string, unknown>[];
  };
  const rows = new Map<string, Record<string, unknown>>();
  const placeOf = ({ hash, _record }: Record<string, unknown>) => `${hash} ${_record}`;
  for (const row of await ask(table, '_object, _record')) {
    rows.set(placeOf(row), {
      ...row,
      ...('survived' in row && { survived: row['survived'] === 1 }),
      ...Object.fromEntries(lists[table].map((list) => [list, []])),
    });
  }
  for (const list of lists[table]) {
    for (const element of await ask(`${table}_${list}`, '_object, _record, position')) {
      const row = rows.get(placeOf(element)) ?? { ...element, [list]: [] };
      rows.set(placeOf(element), row);
      const elements = row[list] as unknown[];
      elements.push(element['value']);
      if (element['position'] !== elements.length) elements.push(`at position ${element['position']}`);
    }
  }
  for (const row of rows.values())
    of(String(row['hash'])).mysql.push(rowText(table, Number(row['_record']), row));
}

async function read({ s3 }: Target, Bucket: string, Key: string): Promise<Uint8Array> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}
