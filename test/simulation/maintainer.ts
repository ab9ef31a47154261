import { randomUUID } from 'node:crypto';
import { maintain, retentionOf } from '../../handlers/maintenance/maintain.ts';
import { allThereIs } from '../../lake/compaction/plan.ts';
import { listedFiles } from '../../store/listing.ts';
import { s3ObjectStore } from '../../store/object-store.ts';
import { registries, tableSchemas } from './load/datasets.ts';
import type { Network, Party } from './network.ts';
import type { Pipeline } from './pipeline.ts';
import { memoryS3, type Onlooker } from './services/s3.ts';

/** Longer than any function runs, and than a call is on its way. */
const GARBAGE_MS = 3_600_000;

/** Runs the maintenance of the lake, by the function's own code. */
export class Maintainer {
  readonly #pipeline: Pipeline;
  readonly #network: Network;
  #runs = 0;

  constructor(pipeline: Pipeline, network: Network) {
    this.#pipeline = pipeline;
    this.#network = network;
  }

  /**
   * Runs until its end or its death.
   *
   * @param age for how long snapshots are kept, in milliseconds
   * @param compacts whether files become larger ones, which leaves the old ones as new garbage
   * @returns what went wrong
   */
  async run(age: number, { compacts = true } = {}): Promise<string[]> {
    const { store, reader, catalog, contents, deploys } = this.#pipeline;
    const { clock, random } = this.#network;
    const [registry, tableSchema] = [registries[deploys], tableSchemas[deploys]];
    if (registry === undefined || tableSchema === undefined) throw new Error('There is no code.');
    // A small target leaves several compacted files, and a single file may become another one each time: so
    // that most of what is overwritten or deleted lies in compacted files.
    const compaction = {
      ...allThereIs,
      least: compacts ? random.between(1, 2) : Number.POSITIVE_INFINITY,
      target: random.pick([4000, 10_000, allThereIs.target]),
    };
    this.#runs += 1;
    const party = new Mortal(`maintenance#${this.#runs}`, this.#network);
    const onlooker: Onlooker = {
      async changed(_, bucket, key) {
        await reader.look(bucket, key);
        await reader.lookAtSnapshots();
      },
      read: () => {},
      trouble: () => {},
      changes: () => {},
    };
    const s3 = memoryS3(store, this.#network, party, onlooker);
    const named = (purpose: 'processed' | 'ledger' | 'failed') => contents.bucket(purpose).settings.name;
    const maintained = maintain(
      {
        store: s3ObjectStore(s3),
        catalog: catalog.over(this.#network, party),
        list: (bucket, prefix) => listedFiles(s3, bucket, prefix),
        datasets: registry.all,
        tableSchema,
        buckets: { processed: named('processed'), ledger: named('ledger'), failed: named('failed') },
        retention: {
          ...retentionOf(1),
          age,
          bytes: 0,
          garbage: GARBAGE_MS,
          rejects: Number.POSITIVE_INFINITY,
        },
        compaction,
        now: () => clock.now(),
        timeLeft: () => 900_000,
        wait: (ms) => this.#network.wait(ms),
        // Unique beyond this run: functions that have started once keep metadata in memory.
        uuid: randomUUID,
        log: ({ table, snapshots, files, compacted }) =>
          this.#network.note(
            `maintenance of ${table}: ${snapshots} snapshots, ${files} files went, ${compacted.files} became ${compacted.into}`,
          ),
      },
      {},
    );
    const tables = await Promise.race([maintained, party.death]);
    return tables.flatMap(({ table, error }) => (error === undefined ? [] : [`${table}: ${error}`]));
  }
}

/** An environment that may crash, and then does no more. */
class Mortal implements Party {
  readonly name: string;
  alive = true;
  overSince: number | undefined;
  readonly death: Promise<[]>;
  readonly #network: Network;
  #dies: (nothing: []) => void;

  constructor(name: string, network: Network) {
    this.name = name;
    this.#network = network;
    const { promise, resolve } = Promise.withResolvers<[]>();
    this.death = promise;
    this.#dies = resolve;
  }

  die(reason: string): void {
    this.alive = false;
    this.overSince = this.#network.clock.now();
    this.#network.note(`${this.name}: ${reason}`);
    this.#dies([]);
  }
}
