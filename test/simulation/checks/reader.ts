import { objectHash, revisionSequencer, sortableSequencer } from '../../../domain/tables/row-identity.ts';
import {
  archiveKey,
  csvTableKey,
  parseCompactedKey,
  parseCopyKey,
  parseDataKey,
  parseLedgerKey,
  parsePublicationKey,
  receiptsPrefix,
  versionPath,
  versionSegment,
} from '../../../domain/versions/key-layout.ts';
import type { LedgerEntry, Version } from '../../../domain/versions/ledger.ts';
import { publishedPart } from '../../../domain/versions/publication.ts';
import type { Receipt } from '../../../domain/versions/receipt.ts';
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
}

/** What a table shows of a version: files of its own, and records in compacted files. */
interface ShownVersion {
  readonly keys: string[];
  readonly records: number[];
}

type Published = NonNullable<ReturnType<typeof parsePublicationKey>>;

interface PublishedFiles {
  /** How many documents are still to come. */
  missing: number;
  readonly files: Map<string, number>;
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
  /** The files of published versions, by object and version. */
  readonly #published = new Map<string, Map<string, PublishedFiles>>();
  /** Objects of which a table of CSV has shown a whole version. */
  readonly #wereWhole = new Set<string>();
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
    const published = parsePublicationKey(key);
    if (published !== undefined) await this.#publishes(published, key);
    else if (bucket.includes('-ledger-')) {
      const changed = parseLedgerKey(key);
      if (changed !== undefined) await this.#note(changed);
    } else if (/-(processed|archive)-/.test(bucket)) {
      const changed = parseCopyKey(key);
      if (changed === undefined) return;
      if (bucket.includes('-archive-')) this.#check(changed);
      else this.#checkCopies(changed);
    }
  }

  /**
   * Reads a table that was changed just now: of each object it shows all rows of one version, and never one
   * that is older than what it showed before.
   */
  async lookAtLake(table: string): Promise<void> {
    const shown = new Map<string, Map<string, ShownVersion>>();
    const of = ({ objectId, version }: { readonly objectId: string; readonly version: string }) => {
      const versions = shown.get(objectId) ?? new Map<string, ShownVersion>();
      shown.set(objectId, versions);
      const found = versions.get(version) ?? { keys: [], records: [] };
      versions.set(version, found);
      return found;
    };
    for (const key of await this.#contents.tableFiles(table)) {
      const file = parseDataKey(key);
      if (file !== undefined) of(file).keys.push(key);
      else if (parseCompactedKey(key) === undefined) throw new Error(`${key} is in the table ${table}.`);
      else
        for (const { source, version, record } of await this.#contents.compactedRows(key))
          of(versionPath({ dataset: table, key: source, versionId: version })).records.push(record);
    }
    for (const [objectId, versions] of shown) {
      const name = `${table}/${objectId}`;
      if (versions.size > 1) this.#fault(`the table shows ${versions.size} versions of ${name} at once`);
      for (const [version, { keys, records }] of versions) {
        if (new Set(keys).size < keys.length) this.#fault(`the table has a file of ${name} twice`);
        if (new Set(records).size < records.length) this.#fault(`the table has a row of ${name} twice`);
        const receipts = await this.#contents.receipts(receiptsPrefix({ dataset: table, objectId, version }));
        const written = receipts.flatMap((each) => (each.stage === 'transformation' ? each.outputs : []));
        const extraction = receipts.find((each) => each.stage === 'extraction');
        const parts = receipts.filter((each) => each.stage === 'transformation').length;
        const compacted = written.filter(({ key }) => !keys.includes(key));
        const isWhole =
          extraction?.parts.length === parts &&
          written.length - compacted.length === keys.length &&
          compacted.reduce((sum, file) => sum + file.records, 0) === records.length;
        if (!isWhole) this.#fault(`the table shows a part of ${version.slice(0, 6)} of ${name}`);
      }
    }
  }

  /** A reader of any snapshot that a table has finds all its files. */
  async lookAtSnapshots(): Promise<void> {
    for (const key of await this.#contents.snapshotFiles()) {
      const file = parseDataKey(key);
      const isSpoilt = file !== undefined && this.#spoilt.has(`${file.objectId}/${file.version}`);
      if (!isSpoilt && this.#contents.bucket('processed').current(key) === undefined)
        this.#fault(`a reader of a snapshot does not find ${key}`);
    }
  }

  /** Somebody takes away a part or a file, which is no fault of the pipeline. */
  spoil(dataset: string, objectId: string, version: string): void {
    this.#spoilt.add(`${objectId}/${version}`);
    const name = `${dataset}/${objectId}`;
    this.#published.get(name)?.delete(version);
    this.#wereWhole.delete(name);
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
    const entry = await this.#contents.entryAt(`heads/${name}.json`);
    const { current } = entry ?? {};
    // Whoever removes copies goes by the entry: the deletion's publication may be written much later.
    if (current?.type === 'deleted') this.#forgetCopies(name);
    if (entry === undefined || current?.type !== 'created') {
      this.#complete.delete(name);
      return;
    }
    if (this.#complete.get(name)?.name === current.versionId) return;
    if (this.#spoilt.has(`${object.objectId}/${versionSegment(current.versionId)}`)) {
      this.#complete.delete(name);
      return;
    }
    const complete = await this.#completeOf(object, entry.key, current.versionId, current);
    if (complete !== undefined) this.#complete.set(name, complete);
    else await this.#noteOvertaken(object, entry);
  }

  /** A version may become complete when another one has overtaken it, and is not complete. */
  async #noteOvertaken(object: Derived, { key, superseded }: LedgerEntry): Promise<void> {
    const name = `${object.dataset}/${object.objectId}`;
    for (const versionId of superseded) {
      const known = this.#complete.get(name);
      if (known === undefined || this.#spoilt.has(`${object.objectId}/${versionSegment(versionId)}`))
        continue;
      const overtaken = await this.#completeOf(object, key, versionId);
      const isNewer = overtaken !== undefined && overtaken.sequencer > known.sequencer;
      if (isNewer && this.#lost('archive', overtaken.files, archiveKey) === 0)
        this.#complete.set(name, overtaken);
    }
  }

  /**
   * A version that was loaded to its end; `undefined` if it was not.
   *
   * @param active what the ledger entry tells of it, if it is active
   */
  async #completeOf(
    object: Derived,
    key: string,
    versionId: string,
    active?: Version,
  ): Promise<Complete | undefined> {
    const receipts = await this.#contents.receipts(
      receiptsPrefix({ ...object, version: versionSegment(versionId) }),
    );
    const rows = this.#rowsOf(key, versionId, receipts);
    const extraction = receipts.find((each) => each.stage === 'extraction');
    if (rows === undefined || extraction === undefined) return undefined;
    const loadings = receipts.filter((each) => each.stage === 'loading');
    const loaded = loadings.flatMap((each) => each.files);
    const isWhole = loadings.length === Math.max(extraction.parts.length, 1);
    if (!isWhole || loaded.reduce((sum, { archive }) => sum + archive.records, 0) !== rows) return undefined;
    const sequencer = sortableSequencer(revisionSequencer(active ?? extraction));
    const own = (this.#mysql?.rows(object.dataset, objectHash(key)) ?? []).filter(
      (row) => row['_sequencer'] === sequencer,
    );
    const records = new Set(own.map((row) => Number(row['_record'])));
    const files = new Map(loaded.map(({ key: file, archive }) => [file, archive.records]));
    return { name: versionId, files, sequencer, records };
  }

  #check({ dataset, objectId }: Derived): void {
    const name = `${dataset}/${objectId}`;
    const complete = this.#complete.get(name);
    if (complete === undefined) return;
    const lost = this.#lost('archive', complete.files, archiveKey);
    if (lost > 0)
      this.#violate(`a reader of the archive met ${lost} rows less than the whole`, complete, name);
  }

  async #publishes({ dataset, objectId, version, part }: Published, key: string): Promise<void> {
    const name = `${dataset}/${objectId}`;
    if (part === undefined) {
      this.#forgetCopies(name);
      return;
    }
    const { parts, files } = publishedPart.parse(
      JSON.parse((await this.#contents.text('ledger', key)) ?? ''),
    );
    const versions = this.#published.get(name) ?? new Map<string, PublishedFiles>();
    this.#published.set(name, versions);
    const known = versions.get(version) ?? { missing: Math.max(parts, 1), files: new Map<string, number>() };
    versions.set(version, known);
    known.missing -= 1;
    for (const file of files) known.files.set(file.key, file.records);
  }

  /** A deleted object has no version any more that a reader must meet. */
  #forgetCopies(name: string): void {
    this.#published.delete(name);
    this.#wereWhole.delete(name);
  }

  /** Once all copies of a version were there, they may only go when those of another one are. */
  #checkCopies({ dataset, objectId }: Derived): void {
    // A version from which somebody took something never counts as whole, though it replaces one that was.
    if ([...this.#spoilt].some((each) => each.startsWith(`${objectId}/`))) return;
    const name = `${dataset}/${objectId}`;
    const versions = [...(this.#published.get(name)?.values() ?? [])];
    const isWhole = versions.some(
      ({ missing, files }) => missing <= 0 && this.#lost('processed', files, csvTableKey) === 0,
    );
    if (isWhole) this.#wereWhole.add(name);
    else if (this.#wereWhole.has(name)) this.#fault(`a reader of the table met no whole version of ${name}`);
  }

  #lost(
    purpose: 'processed' | 'archive',
    files: ReadonlyMap<string, number>,
    copyOf: (key: string) => string,
  ): number {
    const bucket = this.#contents.bucket(purpose);
    let lost = 0;
    for (const [key, rows] of files) {
      const object = bucket.current(copyOf(key));
      if (object === undefined || Number(metadataOf(object.headers)['records']) !== rows) lost += rows;
    }
    return lost;
  }

  #fault(what: string): void {
    this.#violations.push(what);
  }

  #violate(what: string, { name }: Complete, object: string): void {
    this.#violations.push(`${what} of ${name.slice(0, 6)} of ${object}, before a newer one was complete`);
  }
}
