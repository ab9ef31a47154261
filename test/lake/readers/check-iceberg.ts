import { deepEqual, equal } from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Column, ColumnType } from '../../../domain/columns.ts';
import { jsonOf } from '../../../domain/long.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { liveFiles } from '../../../formats/iceberg/metadata/snapshot-manifests.ts';
import { everyOperation as everyOperationOfFormat } from '../../formats/iceberg/operations.ts';
import { TestTable } from '../../formats/iceberg/test-table.ts';
import { comparable, rowFromJson } from '../../formats/parquet-rows.ts';
import { everyOperation } from './operations.ts';
import type { Shown } from './pipeline-table.ts';

/**
 * Lets PyIceberg, DuckDB's extension and Iceberg's library for Java read the tables that every operation of
 * the format and of the pipeline made, and commits to a table of PyIceberg's. `PYTHON` names a Python with
 * the packages `pyiceberg[pyarrow,sql-sqlite]` and `duckdb`, `ICEBERG_JARS` a folder with those of `pom.xml`.
 */
const { PYTHON: python = 'python3', ICEBERG_JARS: jars } = process.env;
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));

interface Answer {
  readonly rows: readonly Row[];
  readonly types: Readonly<Record<string, string>>;
  readonly wrong: readonly unknown[];
}

/** Reads tables. @param folder that stands for S3 */
type Reader = (folder: string, paths: readonly string[]) => readonly Answer[];

/** What every reader needs of a table. */
type Table = Pick<Shown, 'name' | 'path' | 'columns' | 'rows'>;

const run = (program: string, parameters: readonly string[]) =>
  execFileSync(program, parameters, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 30,
  });
const ask = (...parameters: readonly string[]) =>
  rowFromJson(run(python, [beside('readers.py'), ...parameters])) as unknown;

function has(program: string, ...parameters: readonly string[]): boolean {
  try {
    run(program, parameters);
    return true;
  } catch {
    return false;
  }
}

const inPython =
  (name: string): Reader =>
  (folder, paths) =>
    ask(name, folder, ...paths) as Answer[];
const inJava: Reader = (folder, paths) =>
  rowFromJson(
    run('java', ['-cp', join(jars ?? '', '*'), beside('Readers.java'), folder, ...paths]),
  ) as unknown as Answer[];

/** Stores files where a reader finds them. */
function store(folder: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [uri, bytes] of files) {
    const path = uri.startsWith('s3://')
      ? join(folder, uri.slice('s3://'.length))
      : fileURLToPath(uri.replace(/^(?!file:)/, 'file://'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
}

function typeName(type: ColumnType): string {
  switch (type.kind) {
    case 'list':
      return `list<${typeName(type.element)}>`;
    case 'map':
      return `map<string, ${typeName(type.value)}>`;
    case 'struct':
      return `struct<${type.fields.map((each) => `${each.name}: ${typeName(each.type)}`).join(', ')}>`;
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return { int32: 'int', int64: 'long', timestamp: 'timestamptz', ...sameName }[type.kind];
  }
}

const sameName = {
  string: 'string',
  double: 'double',
  boolean: 'boolean',
  date: 'date',
  binary: 'binary',
} as const;

function check(readers: ReadonlyMap<string, Reader>, folder: string, tables: readonly Table[]): void {
  for (const [reader, read] of readers) {
    const answers = read(
      folder,
      tables.map(({ path }) => path),
    );
    for (const [i, { name, columns, rows }] of tables.entries()) {
      const answer = answers[i];
      const what = `${reader}, ${name}`;
      const sorted = (all: readonly Row[]) =>
        all.map((row) => comparable(row, columns)).toSorted((a, b) => (jsonOf(a) < jsonOf(b) ? -1 : 1));
      deepEqual(
        answer?.types,
        Object.fromEntries(columns.map((each) => [each.name, typeName(each.type)])),
        what,
      );
      deepEqual(sorted(answer?.rows ?? []), sorted(rows), what);
      deepEqual(answer?.wrong, [], what);
      console.log(`${what}: ${rows.length} rows`);
    }
  }
}

/** Reads a table of PyIceberg's, and commits to it. */
async function theirs(folder: string): Promise<Table> {
  const root = join(folder, 'theirs');
  const { path } = ask('write', pathToFileURL(root).href) as { readonly path: string };
  const columns: Column[] = [
    { name: 'id', type: { kind: 'int64' }, nullable: false },
    { name: 'kind', type: { kind: 'string' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
  ];
  const table = new TestTable('memory://unused', { columns, partitionBy: [] });
  table.files.clear();
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
  store(folder, table.files);
  const at = '2026-11-27T00:00:00.000Z';
  const rows = [
    { id: 0, kind: 'a', at: null },
    { id: 2, kind: 'b', at },
    { id: 3, kind: 'a', at: null },
    { id: 5, kind: 'b', at },
    row,
  ];
  return { name: 'a table of PyIceberg’s', path: table.path, columns, rows };
}

const readers = new Map<string, Reader>();
if (has(python, '-c', 'import pyiceberg, pyarrow, duckdb, sqlalchemy')) {
  readers.set('PyIceberg', inPython('pyiceberg'));
  if (ask('available') === true) readers.set('DuckDB', inPython('duckdb'));
  else
    console.log(
      'DuckDB is left out: its extension for Iceberg is not here. To install it: pip install duckdb-ext-iceberg duckdb-ext-avro duckdb-ext-icu, in the version of duckdb',
    );
} else
  console.log(
    "Python is left out: it has no PyIceberg here. To install it: pip install 'pyiceberg[pyarrow,sql-sqlite]' duckdb",
  );
if (jars !== undefined) readers.set('Java', inJava);
else
  console.log(
    `Java is left out: ICEBERG_JARS names no folder. To make it: mvn -f ${beside('pom.xml')} dependency:copy-dependencies -DoutputDirectory=FOLDER`,
  );

const folder = mkdtempSync(join(tmpdir(), 'sluice-iceberg-'));
try {
  const ofFormat = await everyOperationOfFormat(pathToFileURL(join(folder, 'format')).href, 'nullable');
  for (const { table } of ofFormat) store(folder, table.files);
  check(
    readers,
    folder,
    ofFormat.map(({ table, ...each }) => ({ ...each, path: table.path })),
  );
  for (const partitionBy of [undefined, ['day(exactly)'], ['month(at)', 'category']]) {
    const ofPipeline = await everyOperation('nullable', partitionBy);
    for (const { files } of ofPipeline) store(folder, files);
    check(readers, folder, ofPipeline);
  }
  if (readers.has('PyIceberg')) check(readers, folder, [await theirs(folder)]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
