import { objectHash, revisionSequencer, sortableSequencer } from '../../../domain/tables/row-identity.ts';
import {
  archiveKey,
  csvTableKey,
  parseCopyKey,
  parseDataKey,
  parseLedgerKey,
  receiptsPrefix,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import { isShownBy, ledgerEntry } from '../../../domain/versions/ledger.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';
import { memberOf } from '../load/datasets.ts';
import type { MemoryMysql } from '../services/mysql.ts';
import { metadataOf } from '../services/store.ts';
import type { Contents } from './contents.ts';

/** An object as derived keys have it. */
interface Derived {
  readonly dataset: string;
  readonly objectId: string;
}

/** A version that was complete in every sink. */
interface Complete {
  readonly name: string;
  /** How many rows each of its files has, by key. */
  readonly files: ReadonlyMap<string, number>;
  readonly sequencer: string;
  /** Its records in the table that no newer version has replaced. */
  readonly records: Set<number>;
  /** Whether its files are copied into the folder of a table of CSV. */
  isCopied: boolean;
}

/**
 * Looks at lake, archive and table after every change. Once a version was complete in every sink, its rows
 * may only go when a newer one is as complete, or when its key was deleted: a reader of files meets the old
 * rows, the new ones or, for a while, both, and never neither. In the table a newer version's row takes the
 * place of the old one before.
 */
export class Reader {
  readonly #contents: Contents;
  readonly #mysql: MemoryMysql | undefined;
  readonly #rowsOf: (key: string, name: string, receipts: readonly Receipt[]) => number | undefined;
  readonly #violations: string[];
  /** By object. */
  readonly #complete = new Map<string, Complete>();
  /** Versions of which somebody has taken something away by hand. */
  readonly #spoilt = new Set<string>();

  /** @param rowsOf how many rows a version in its revision has; `undefined` while receipts lack */
  constructor(
    contents: Contents,
    mysql: MemoryMysql | undefined,
    rowsOf: (key: string, name: string, receipts: readonly Receipt[]) => number | undefined,
    violations: string[],
  ) {
    this.#contents = contents;
    this.#mysql = mysql;
    this.#rowsOf = rowsOf;
    this.#violations = violations;
  }

  async look(bucket: string, key: string): Promise<void> {
    if (bucket.includes('-ledger-')) {
      const changed = parseLedgerKey(key);
      if (changed !== undefined) await this.#note(changed);
    } else if (/-(processed|archive)-/.test(bucket)) {
      const changed = parseCopyKey(key);
      if (changed !== undefined) this.#check(changed, bucket.includes('-archive-') ? 'archive' : 'processed');
    }
  }

  /**
   * Reads a table that was changed just now: of each object it shows all rows of one version, and never one that
   * is older than what it showed before.
   */
  async lookAtLake(table: string): Promise<void> {
    const byObject = new Map<string, Map<string, string[]>>();
    for (const key of await this.#contents.tableFiles(table)) {
      const file = parseDataKey(key);
      if (file === undefined) throw new Error(`${key} is in the table ${table}.`);
      const versions = byObject.get(file.objectId) ?? new Map<string, string[]>();
      byObject.set(file.objectId, versions);
      versions.set(file.version, [...(versions.get(file.version) ?? []), key]);
    }
    for (const [objectId, versions] of byObject) {
      const name = `${table}/${objectId}`;
      if (versions.size > 1) this.#fault(`the table shows ${versions.size} versions of ${name} at once`);
      for (const [version, keys] of versions) {
        if (new Set(keys).size < keys.length) this.#fault(`the table has a file of ${name} twice`);
        const receipts = await this.#contents.receipts(receiptsPrefix({ dataset: table, objectId, version }));
        const written = receipts.flatMap((each) => (each.stage === 'transformation' ? each.outputs : []));
        const extraction = receipts.find((each) => each.stage === 'extraction');
        const parts = receipts.filter((each) => each.stage === 'transformation').length;
        const isWhole = extraction?.parts.length === parts && written.length === keys.length;
        if (!isWhole) this.#fault(`the table shows a part of ${version.slice(0, 6)} of ${name}`);
      }
    }
  }

  /** Somebody takes away a part or a file, which is no fault of the pipeline. */
  spoil(dataset: string, objectId: string, version: string): void {
    this.#spoilt.add(`${objectId}/${version}`);
    const name = `${dataset}/${objectId}`;
    if (versionSegment(this.#complete.get(name)?.name ?? '') === version) this.#complete.delete(name);
  }

  lookAtTable(table: string, object: string): void {
    for (const [name, complete] of this.#complete) {
      if (!name.startsWith(`${table}/`) || !name.endsWith(object)) continue;
      const found = new Map(
        this.#mysql?.rows(table, object).map((row) => [row['_record'], row['_sequencer']]),
      );
      for (const record of complete.records) {
        const sequencer = found.get(record);
        if (sequencer === undefined) this.#violate(`the table met without record ${record}`, complete, name);
        if (sequencer !== complete.sequencer) complete.records.delete(record);
      }
    }
  }

  async #note(object: Derived): Promise<void> {
    const name = `${object.dataset}/${object.objectId}`;
    const text = await this.#contents.text('ledger', `heads/${name}.json`);
    const entry = text === undefined ? undefined : ledgerEntry.parse(JSON.parse(text));
    const { key = '', current } = entry ?? {};
    if (current?.type !== 'created') {
      this.#complete.delete(name);
      return;
    }
    const known = this.#complete.get(name);
    const version = versionSegment(current.versionId);
    const isCopied =
      entry !== undefined && isShownBy('committed', entry) && memberOf(key)?.processedAs === 'csv';
    if (known?.name === current.versionId) {
      known.isCopied ||= isCopied;
      return;
    }
    if (this.#spoilt.has(`${object.objectId}/${version}`)) {
      this.#complete.delete(name);
      return;
    }
    const receipts = await this.#contents.receipts(receiptsPrefix({ ...object, version }));
    const rows = this.#rowsOf(key, current.versionId, receipts);
    if (rows === undefined) return;
    const loadings = receipts.filter((each) => each.stage === 'loading');
    const loaded = loadings.flatMap((each) => each.files);
    const parts = receipts.find((each) => each.stage === 'extraction')?.parts.length ?? 0;
    const isWhole = loadings.length === Math.max(parts, 1);
    if (!isWhole || loaded.reduce((sum, { archive }) => sum + archive.records, 0) !== rows) return;
    const sequencer = sortableSequencer(revisionSequencer(current));
    const own = (this.#mysql?.rows(object.dataset, objectHash(key)) ?? []).filter(
      (row) => row['_sequencer'] === sequencer,
    );
    const records = new Set(own.map((row) => Number(row['_record'])));
    const files = new Map(loaded.map(({ key: file, archive }) => [file, archive.records]));
    this.#complete.set(name, { name: current.versionId, files, sequencer, records, isCopied });
  }

  #check({ dataset, objectId }: Derived, purpose: 'processed' | 'archive'): void {
    const name = `${dataset}/${objectId}`;
    const complete = this.#complete.get(name);
    if (complete === undefined) return;
    if (purpose === 'processed' && !complete.isCopied) return;
    const bucket = this.#contents.bucket(purpose);
    let lost = 0;
    for (const [key, rows] of complete.files) {
      const object = bucket.current(purpose === 'archive' ? archiveKey(key) : csvTableKey(key));
      if (object === undefined || Number(metadataOf(object.headers)['records']) !== rows) lost += rows;
    }
    if (lost > 0)
      this.#violate(`a reader of ${purpose} met ${lost} rows less than the whole`, complete, name);
  }

  #fault(what: string): void {
    this.#violations.push(what);
  }

  #violate(what: string, { name }: Complete, object: string): void {
    this.#violations.push(`${what} of ${name.slice(0, 6)} of ${object}, before a newer one was complete`);
  }
}
