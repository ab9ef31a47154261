import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Column } from '../../../domain/columns.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { comparable } from '../parquet-rows.ts';
import { everyOperation } from './operations.ts';
import { TestTable } from './test-table.ts';

/**
 * Lets PyIceberg and DuckDB's extension read the tables that every operation made, and commits to a table of
 * PyIceberg's. Needs Python with the packages `pyiceberg[pyarrow,sql-sqlite]` and `duckdb`: `PYTHON` names
 * it.
 */
const { PYTHON: python = 'python3' } = process.env;
const script = fileURLToPath(new URL('readers.py', import.meta.url));

interface Found {
  readonly rows: readonly Row[];
  readonly wrong: readonly unknown[];
}

const ask = (command: string, about: string) =>
  JSON.parse(
    execFileSync(python, [script, command, about], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  );

function has(code: string): boolean {
  try {
    execFileSync(python, ['-c', code], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const pathOf = (uri: string) => fileURLToPath(uri.replace(/^(?!file:)/, 'file://'));

function store(table: TestTable): void {
  for (const [uri, bytes] of table.files) {
    mkdirSync(dirname(pathOf(uri)), { recursive: true });
    writeFileSync(pathOf(uri), bytes);
  }
}

function compare(
  reader: string,
  name: string,
  columns: readonly Column[],
  rows: readonly Row[],
  found: Found,
) {
  const sorted = found.rows.toSorted((one, other) => Number(one['id']) - Number(other['id']));
  deepEqual(
    sorted.map((row) => comparable(row, columns)),
    rows.map((row) => comparable(row, columns)),
    `${reader}, ${name}`,
  );
  deepEqual(found.wrong, [], `${reader}, ${name}`);
  console.log(`${reader}: ${name}, ${rows.length} rows`);
}

async function ours(folder: string, readers: readonly string[]): Promise<void> {
  const tables = await everyOperation(pathToFileURL(join(folder, 'ours')).href, 'nullable');
  for (const { name, table, columns, rows } of tables) {
    store(table);
    for (const reader of readers) compare(reader, name, columns, rows, ask(reader, table.path));
  }
}

/** Reads a table of PyIceberg's, and commits to it. */
async function theirs(folder: string, readers: readonly string[]): Promise<void> {
  const { path } = ask('write', pathToFileURL(join(folder, 'theirs')).href);
  const columns: Column[] = [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'kind', type: { kind: 'string' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  ];
  const table = new TestTable('memory://unused', { columns, partitionBy: [] });
  table.files.clear();
  const root = join(folder, 'theirs');
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = join(entry.parentPath, entry.name);
      table.files.set(pathToFileURL(file).href, readFileSync(file));
    }
  table.adopt(path, columns);
  const { metadata } = table;
  const files = await liveFiles(metadata, table.read);
  equal(files.length, 6);
  equal(
    files.reduce((sum, { recordCount }) => sum + recordCount, 0),
    6,
  );
  const gone = files.filter(({ partition }) => partition['kind'] === null);
  equal(gone.length, 2);
  const row = { id: 10, kind: 'c', at: '2026-11-27T00:00:00.001Z' };
  const removed = gone.map(({ filePath, partition }) => ({ path: filePath, partition }));
  const made = await table.commit({ added: [table.write([row])], removed, mostManifests: 1 });
  equal(made.metadata.metadata.properties['owner'], 'them');
  equal(made.snapshot['parent-snapshot-id'], metadata['current-snapshot-id']);
  store(table);
  const at = '2026-11-27T00:00:00.000Z';
  const rows = [
    { id: 0, kind: 'a', at: null },
    { id: 2, kind: 'b', at },
    { id: 3, kind: 'a', at: null },
    { id: 5, kind: 'b', at },
    row,
  ];
  for (const reader of readers)
    compare(reader, 'a table of PyIceberg’s', columns, rows, ask(reader, table.path));
}

if (!has('import pyiceberg, pyarrow, duckdb, sqlalchemy'))
  console.log(
    "Nothing was checked: there is no Python with PyIceberg here. To install it: pip install 'pyiceberg[pyarrow,sql-sqlite]' duckdb",
  );
else {
  const extension = ask('available', '');
  if (!extension)
    console.log(
      'DuckDB is left out: its extension for Iceberg is not here. To install it: pip install duckdb-ext-iceberg duckdb-ext-avro duckdb-ext-icu, in the version of duckdb',
    );
  const readers = ['pyiceberg', ...(extension ? ['duckdb'] : [])];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-iceberg-'));
  try {
    await ours(folder, readers);
    await theirs(folder, readers);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
