import { randomUUID } from 'node:crypto';
import { type Column, tableColumns, withOrigin } from '../../../domain/columns.ts';
import type { Dataset } from '../../../domain/dataset.ts';
import { instantText } from '../../../domain/instant.ts';
import { jsonOf } from '../../../domain/long.ts';
import type { Row } from '../../../domain/records/transformation.ts';
import { Registry } from '../../../domain/registry.ts';
import { schemaOf } from '../../../domain/tables/layout.ts';
import type { SchemaState } from '../../../domain/tables/schema/schema-after.ts';
import { maintain } from '../../../handlers/maintenance/maintain.ts';
import { Commits } from '../../../handlers/stages/commit/commits.ts';
import { loadPart } from '../../../handlers/stages/loading/load-part.ts';
import type { TableCatalog } from '../../../lake/table-catalog.ts';
import { buckets, extract, publications, putRaw, transform, wholePublications } from '../../handlers/flow.ts';
import { maintenanceOf } from '../../handlers/maintenance/memory-maintenance.ts';
import { createdEvent, MemoryStore, stageContextOf } from '../../store/memory-store.ts';

const DAY_MS = 86_400_000;

/** What becomes of an object: its records, or its deletion. */
export type Change = readonly [object: string, records: readonly Row[] | 'deleted'];

/** A table as a reader of the lake finds it at one moment. */
export interface Shown {
  readonly name: string;
  /** The URI of its metadata file. */
  readonly path: string;
  /** The files of the lake, by URI. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly columns: readonly Column[];
  /** In the order of `comparing`. */
  readonly rows: readonly Row[];
}

/**
 * A table that the pipeline's own stages fill: extraction, transformation, commit, loading and maintenance,
 * over a lake in memory. It remembers which rows a reader must find.
 */
export class PipelineTable {
  readonly store = new MemoryStore();
  /** How often a commit came too late. */
  conflicts = 0;
  #dataset: Dataset;
  #schema: SchemaState;
  readonly #objects = new Map<string, readonly Row[]>();
  #events = 0;
  #now = Date.UTC(2026, 0, 1);

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
    this.#schema = schemaOf(tableColumns(dataset), undefined);
  }

  /** Deploys another form of the dataset. @param after what becomes of the rows that are there */
  deploy(dataset: Dataset, after: (row: Row) => Row): void {
    this.#schema = schemaOf(tableColumns(dataset), this.#schema, dataset.renamed);
    this.#dataset = dataset;
    for (const [key, rows] of this.#objects) this.#objects.set(key, rows.map(after));
  }

  /** Makes these changes one after the other. */
  async apply(...changes: readonly Change[]): Promise<void> {
    for (const change of changes) await this.atOnce([change]);
  }

  /** Has functions commit these changes at the same time, each one of them. */
  async atOnce(changes: readonly Change[]): Promise<void> {
    const before = new Set(publications(this.store));
    for (const change of changes) await this.#publish(change);
    const isNew = (key: string) => !before.has(key);
    const committed = wholePublications(this.store).filter(isNew);
    await Promise.all(committed.map((key) => this.#commit(key)));
    for (const key of publications(this.store).filter(isNew))
      await loadPart(createdEvent('ledger', key), buckets, this.#context());
  }

  /** Takes a change as far as its publication. */
  async #publish([object, records]: Change): Promise<void> {
    const key = `${this.#dataset.source.prefix}${object}`;
    this.#events += 1;
    const versionId = `v${this.#events}`;
    const event = { versionId, sequencer: String(this.#events).padStart(4, '0') };
    if (records === 'deleted') {
      await extract(this.store, key, this.#context(), { ...event, type: 'deleted' });
      this.#objects.delete(key);
      return;
    }
    putRaw(this.store, key, records.map((record) => `${jsonOf(record)}\n`).join(''));
    await extract(this.store, key, this.#context(), event);
    const origin = { key, versionId, loadedAt: instantText(this.#now * 1000) };
    for (const part of this.store.keys('temp')) await transform(this.store, part, this.#context());
    const rows = records.map((record, i) => withOrigin(record, origin, i + 1));
    this.#objects.set(key, rows);
  }

  #commit(publication: string) {
    const { catalog } = this.store;
    const counting: TableCatalog = catalog.moving(async (...move) => {
      const [table, from, metadata] = move;
      const moved = await catalog.move(table, from, metadata);
      if (!moved) this.conflicts += 1;
      return moved;
    });
    const context = { ...this.#context(), catalog: counting };
    return new Commits(buckets).commit(createdEvent('ledger', publication), context);
  }

  /** Makes one file of all files of a partition. */
  compact(): Promise<void> {
    return this.#maintain({ compact: true });
  }

  /** Forgets all snapshots but the last, and removes what only they had. */
  async expire(): Promise<void> {
    this.#now += 40 * DAY_MS;
    await this.#maintain({});
    this.#now += 2 * DAY_MS;
    await this.#maintain({});
  }

  async #maintain(task: Parameters<typeof maintain>[1]): Promise<void> {
    this.#now += 1000;
    const changes = { datasets: [this.#dataset], tableSchema: () => this.#schema, uuid: randomUUID };
    const [table] = await maintain(maintenanceOf(this.store, this.#now, changes), task);
    if (table?.error !== undefined) throw new Error(table.error);
  }

  #context() {
    this.#now += 1000;
    const now = this.#now;
    return stageContextOf(this.store, {
      now: () => now,
      registry: new Registry([this.#dataset]),
      tableSchema: () => this.#schema,
    });
  }

  shown(name: string): Shown {
    const { store } = this;
    const files = store
      .keys('processed')
      .map((key) => [`s3://processed/${key}`, store.body('processed', key)]);
    return {
      name,
      path: store.catalog.metadataOf(this.#dataset.name) ?? '',
      files: new Map(files as [string, Buffer][]),
      columns: tableColumns(this.#dataset),
      rows: [...this.#objects.values()].flat().toSorted(comparing),
    };
  }
}

/** The order of objects and, within each, of its records. */
export function comparing(one: Row, other: Row): number {
  const [a, b] = [String(one['_source']), String(other['_source'])];
  return a === b ? Number(one['_record']) - Number(other['_record']) : a < b ? -1 : 1;
}
