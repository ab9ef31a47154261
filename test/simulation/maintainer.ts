import { randomUUID } from 'node:crypto';
import { maintain, retentionOf } from '../../handlers/maintenance/maintain.ts';
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

  /** @param age for how long snapshots are kept, in milliseconds @returns what went wrong */
  async run(age: number): Promise<string[]> {
    const { store, reader, catalog, contents } = this.#pipeline;
    const { clock } = this.#network;
    const [[registry], [tableSchema]] = [registries, tableSchemas];
    if (registry === undefined || tableSchema === undefined) throw new Error('There is no code.');
    this.#runs += 1;
    const party: Party = { name: `maintenance#${this.#runs}`, alive: true };
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
    const processed = contents.bucket('processed').settings.name;
    const tables = await maintain(
      {
        store: s3ObjectStore(s3),
        catalog: catalog.over(this.#network, party),
        list: (prefix) => listedFiles(s3, processed, prefix),
        datasets: registry.all,
        tableSchema,
        buckets: { processed, ledger: contents.bucket('ledger').settings.name },
        retention: { ...retentionOf(1), age, bytes: 0, garbage: GARBAGE_MS },
        now: () => clock.now(),
        timeLeft: () => 900_000,
        wait: (ms) => this.#network.wait(ms),
        // Unique beyond this run: functions that have started once keep metadata in memory.
        uuid: randomUUID,
        log: ({ table, snapshots, files }) =>
          this.#network.note(`maintenance of ${table}: ${snapshots} snapshots, ${files} files went`),
      },
      { dryRun: false },
    );
    return tables.flatMap(({ table, error }) => (error === undefined ? [] : [`${table}: ${error}`]));
  }
}
