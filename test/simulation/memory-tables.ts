import type { Dataset } from '../../domain/dataset.ts';
import { parseEdition } from '../../domain/edition.ts';
import type { Reject } from '../../domain/reject.ts';
import { RowEncoder } from '../../domain/tables/encoded-row.ts';
import { sortableSequencer } from '../../domain/tables/row-identity.ts';
import type { Row } from '../../domain/transformation.ts';
import type { Loaded, Retraction, RowsFile, TableStore } from '../../handlers/edges/mysql/table-store.ts';

/** As much as MySQL takes by default. Bytes. */
const PACKET_BYTES = 64 * 1024 * 1024;

interface StoredRow {
  readonly record: number;
  readonly sequencer: string;
  readonly hash: string;
  readonly row: Row;
}

interface StoredObject {
  /** The newest that was seen. */
  sequencer: string;
  readonly rows: Map<number, StoredRow>;
}

/** The tables of MySQL in memory, for the simulation; a test holds it against the real server. */
export class MemoryTables implements TableStore {
  readonly #objects = new Map<string, StoredObject>();
  readonly #encoders = new Map<Dataset, RowEncoder>();

  async load({ dataset, key, sequencer, rows }: RowsFile): Promise<Loaded | 'stale'> {
    const object = this.#raised(dataset, key, sequencer);
    if (order(object.sequencer, sequencer) > 0) return 'stale';
    let written = 0;
    let unchanged = 0;
    const rejected: Reject[] = [];
    for (const each of rows) {
      const encoded = this.#encoder(dataset).encode(each, PACKET_BYTES);
      if ('reject' in encoded) {
        rejected.push(encoded.reject);
        continue;
      }
      const before = object.rows.get(each.record);
      const isKept = parseEdition(sequencer).edition === 0 || before?.sequencer === sequencer;
      if (before?.hash === encoded.hash && isKept) unchanged += 1;
      else written += 1;
      object.rows.set(each.record, { ...each, sequencer, hash: encoded.hash });
    }
    return { written, unchanged, rejected };
  }

  async retract(
    dataset: Dataset,
    key: string,
    sequencer: string,
    { which = 'older', leaving }: Retraction = {},
  ): Promise<number> {
    const object = this.#raised(dataset, key, sequencer);
    const { rows } = object;
    const before = rows.size;
    for (const [record, row] of rows) {
      const age = order(row.sequencer, sequencer);
      if ((age < 0 && which !== 'its own') || (age === 0 && which !== 'older')) rows.delete(record);
    }
    if (leaving !== undefined && order(object.sequencer, sequencer) === 0) object.sequencer = leaving;
    return before - rows.size;
  }

  async count(dataset: Dataset, key: string, sequencer: string): Promise<number> {
    return this.rows(dataset, key).filter((row) => order(row.sequencer, sequencer) === 0).length;
  }

  /** An object's rows, in the order of their records. */
  rows(dataset: Dataset, key: string): StoredRow[] {
    const { rows } = this.#objects.get(name(dataset, key)) ?? { rows: new Map<number, StoredRow>() };
    return [...rows.values()].sort((a, b) => a.record - b.record);
  }

  #raised(dataset: Dataset, key: string, sequencer: string): StoredObject {
    const object = this.#objects.get(name(dataset, key)) ?? { sequencer, rows: new Map() };
    this.#objects.set(name(dataset, key), object);
    if (order(object.sequencer, sequencer) < 0) object.sequencer = sequencer;
    return object;
  }

  #encoder(dataset: Dataset): RowEncoder {
    const encoder = this.#encoders.get(dataset) ?? new RowEncoder(dataset);
    this.#encoders.set(dataset, encoder);
    return encoder;
  }
}

const name = (dataset: Dataset, key: string) => `${dataset.name}\n${key}`;

/** As the server compares them: negative when `a` is the older one. */
function order(a: string, b: string): number {
  const [one, other] = [sortableSequencer(a), sortableSequencer(b)];
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
