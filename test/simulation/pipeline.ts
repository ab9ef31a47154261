import { join } from 'node:path';
import { Readable } from 'node:stream';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { parseProcessedKey, transformationReceiptKey } from '../../domain/key-layout.ts';
import { parseObjectEvent } from '../../domain/object-event.ts';
import type { TableStore } from '../../handlers/edges/mysql/table-store.ts';
import { type ObjectStore, s3ObjectStore } from '../../handlers/edges/object-store.ts';
import { ZSTD_PARAMETERS, type Zstd } from '../../handlers/edges/zstd.ts';
import type { StageOptions } from '../../handlers/stage.ts';
import type { Caller } from '../../local/call.ts';
import { queueDelivery } from '../../local/events/delivery.ts';
import { createEvents, type Events } from '../../local/events/events.ts';
import { account as accountId } from '../../local/iam/credentials.ts';
import { EventSourceMapping, type MappedQueue } from '../../local/lambda/mapping.ts';
import { readProgram } from '../../local/program.ts';
import type { S3Event } from '../../local/s3/events.ts';
import { Store } from '../../local/s3/store.ts';
import { createSqs, type QueuePort, type Sqs } from '../../local/sqs/sqs.ts';
import { type QueueTopology, readTopology, type Topology } from '../../local/topology.ts';
import { settled } from '../local/virtual-clock.ts';
import { SimulatedFunction, type StageCode } from './functions.ts';
import { memoryS3, type Onlooker } from './memory-s3.ts';
import { MemoryTables } from './memory-tables.ts';
import type { Network, Party } from './network.ts';
import { Reader } from './reader.ts';
import { Witness } from './witness.ts';

/** What the program describes, and the code of its functions, by function name. */
export interface System {
  readonly topology: Topology;
  readonly region: string;
  readonly code: ReadonlyMap<string, StageCode>;
}

/** A defect that a test puts between the stages and their store. */
export type Sabotage = (store: ObjectStore, random: () => number) => ObjectStore;

export interface PipelineOptions {
  readonly network: Network;
  /** How many records go into a part: of the code that is there at first, and of that of the deploy. */
  readonly partRecords: readonly [number, number];
  /** How many rows a version of a key must have. */
  readonly rowsOf: (key: string, versionId: string) => number;
  readonly sabotage?: Sabotage | undefined;
}

/** More than one poll may take; a queue wakes its receivers, so that waiting longer only saves steps. */
const pollSeconds = 6 * 3600;

const zstd: Zstd = {
  compress: async (text) => zstdCompressSync(text, { params: ZSTD_PARAMETERS }),
  decompress: async (bytes) => zstdDecompressSync(bytes),
};

/** The Pulumi program of this repository, run once, and the handlers with the environment that it gives them. */
export async function readSystem(): Promise<System> {
  const program = await readProgram({ stack: 'dev', directory: join(import.meta.dirname, '../..') });
  return withCode(readTopology(program), program.region);
}

/** Loads the functions' code; quiet, since thousands of runs would log millions of lines. */
export async function withCode(topology: Topology, region: string): Promise<System> {
  Object.assign(process.env, {
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    POWERTOOLS_TRACE_ENABLED: 'false',
    AWS_REGION: region,
  });
  const { stageHandler } = await import('../../handlers/stage.ts');
  const code = new Map<string, StageCode>();
  for (const { name, environment } of topology.functions) {
    Object.assign(process.env, environment);
    const file = `../../handlers/${environment['POWERTOOLS_SERVICE_NAME']}.ts`;
    const { stage } = (await import(file)) as { readonly stage: StageOptions };
    code.set(name, { stage, stageHandler });
  }
  return { topology, region, code };
}

/** The whole pipeline in one process: the local cloud's own parts and the stages' own code, on a virtual clock. */
export class Pipeline {
  readonly topology: Topology;
  readonly store: Store;
  readonly sqs: Sqs;
  readonly lostEvents: string[] = [];
  readonly tables = new MemoryTables();
  readonly #network: Network;
  readonly #events: Events;
  readonly #functions: SimulatedFunction[] = [];
  readonly #mappings: EventSourceMapping[] = [];
  /** Whether new code has taken the place of the first. */
  isDeployed = false;

  constructor(
    { topology, region, code }: System,
    { network, partRecords, rowsOf, sabotage }: PipelineOptions,
  ) {
    this.topology = topology;
    this.#network = network;
    const { clock, random } = network;
    const ids = () => random.id(20);
    const admit = async () => {};

    this.sqs = createSqs({ queues: topology.queues, clock, admit, region, accountId, ids });
    const delivery = queueDelivery(this.sqs);
    const bus: Party = { name: 'bus', alive: true };
    this.#events = createEvents({
      rules: topology.rules,
      clock,
      admit,
      region,
      accountId,
      ids,
      ...delivery,
      deliver: (target, body, caller) =>
        network.call(bus, `deliver to ${target.arn.split(':').at(-1)}`, () =>
          delivery.deliver(target, body, caller),
        ),
      deliverFault: () => ({
        duplicate: network.happens('duplicate') ? random.between(1, 2) : 0,
        delayMs: network.happens('delay') ? random.between(1, 45 * 60_000) : 0,
      }),
      random: () => random.next(),
      log: (line) => this.lostEvents.push(line),
    });
    this.store = new Store({
      buckets: topology.buckets,
      clock,
      region,
      accountId,
      publish: (event) => this.#events.publish(withShortSequencer(event)),
      ids: { versionId: () => random.id(32), blobId: ids, eventId: ids },
    });

    const witness = new Witness(network, (body, since) => this.#waitsForReceipt(body, since));
    const reader = new Reader(this.store, rowsOf, network.violations);
    const onlooker: Onlooker = {
      changed: (caller, bucket, key) => {
        witness.wrote(caller, key);
        return reader.look(bucket, key);
      },
      read: (caller, bucket, key, versionId) => witness.read(caller, bucket, key, versionId),
      trouble: (caller) => witness.trouble(caller),
      changes: (caller, bucket) => witness.changes(caller, bucket),
    };
    for (const settings of topology.functions) {
      const own = code.get(settings.name);
      if (own === undefined) throw new Error(`There is no code for ${settings.name}.`);
      const { stage, stageHandler } = own;
      const start = (environment: Party) => {
        const port = s3ObjectStore(memoryS3(this.store, network, environment, region, onlooker));
        const store = sabotage?.(port, () => random.next()) ?? port;
        const tables = networkTables(this.tables, network, environment, witness);
        const records = partRecords[this.isDeployed ? 1 : 0];
        const partLimits = { records, bytes: 16 * 1024 * 1024 };
        const codeVersion = `${stage.codeVersion}-${records}`;
        return stageHandler(
          { ...stage, codeVersion },
          {
            store,
            tables,
            now: () => clock.now(),
            elapsed: () => clock.now(),
            wait: (ms) => network.wait(ms),
            zstd,
            partLimits,
          },
        );
      };
      this.#functions.push(new SimulatedFunction(settings, stage, network, witness, start));
      for (const mapping of topology.mappings.filter(({ functionArn }) => functionArn === settings.arn)) {
        this.#map(mapping, this.#functions.length - 1, settings.roleArn);
      }
    }
  }

  /** Whether a message is about a file of the lake whose part had no receipt at that time. */
  #waitsForReceipt(body: string, at: number): boolean {
    const file = parseProcessedKey(parseObjectEvent(body).key);
    if (file === undefined) return false;
    const ledger = this.topology.buckets.find(({ name }) => name.includes('-ledger-'))?.name ?? '';
    const receipt = this.store.bucket(ledger).current(transformationReceiptKey(file, file.part));
    return receipt === undefined || receipt.lastModified >= at;
  }

  #map(settings: EventSourceMapping['settings'], index: number, role: string): void {
    const { clock } = this.#network;
    const queue = this.queue(settings.queueArn, { kind: 'role', principal: role });
    const invoke = (payload: string) =>
      this.#functions[index]?.invoke(payload) ?? Promise.reject(new Error('There is no function.'));
    this.#mappings.push(
      new EventSourceMapping(settings, { queue: polled(queue, this.#network), invoke, clock }),
    );
  }

  /** By name or ARN. */
  queue(name: string, caller: Caller = { kind: 'user', principal: `arn:aws:iam::${accountId}:user/test` }) {
    return this.sqs.queue(name.split(':').at(-1) ?? '', caller);
  }

  /** Those of the stages: in front of a function, and behind it. What others poll is not simulated. */
  get queues(): QueueTopology[] {
    const { queues, mappings } = this.topology;
    const sources = queues.filter(({ arn }) => mappings.some(({ queueArn }) => queueArn === arn));
    const others = queues.filter(({ name }) =>
      sources.some(({ redrive }) => redrive?.deadLetterQueue === name),
    );
    return [...sources, ...others];
  }

  async start(): Promise<void> {
    await this.sqs.start();
    await this.#events.start();
    await this.store.start();
    for (const mapping of this.#mappings) mapping.enable();
  }

  /** From now on, new code cuts objects into parts of another size. */
  deploy(): void {
    this.isDeployed = true;
    for (const each of this.#functions) each.deploy();
    this.#network.note('deploy');
  }

  /** Whether nothing is on its way but what lies in DLQs. */
  get drained(): boolean {
    if (this.#network.busy || this.#events.waiting() > 0) return false;
    if (this.#functions.some(({ running }) => running > 0)) return false;
    return this.queues
      .filter(({ redrive }) => redrive !== undefined)
      .every(({ name }) => {
        const { visible, delayed, inFlight } = this.sqs.counts(name);
        return visible + delayed + inFlight === 0;
      });
  }

  /** Takes every message out of a DLQ and sends it where it came from, by the API's own move task. */
  async redrive(arn: string): Promise<void> {
    const response = await this.sqs.service({
      method: 'POST',
      path: '/',
      query: new URLSearchParams(),
      headers: { 'x-amz-target': 'AmazonSQS.StartMessageMoveTask' },
      body: Readable.from([JSON.stringify({ SourceArn: arn })]),
      caller: { kind: 'user', principal: `arn:aws:iam::${accountId}:user/test` },
      requestId: 'simulation',
      sourceIp: '127.0.0.1',
      endpoint: 'http://127.0.0.1',
      signal: new AbortController().signal,
    });
    if (response.status !== 200)
      throw new Error(`The redrive of ${arn} was refused: ${String(response.body)}`);
    this.#network.note(`redrive of ${arn.split(':').at(-1)}`);
    await settled();
  }
}

/** MySQL's stand-in at the other end of the network. */
function networkTables(tables: TableStore, network: Network, caller: Party, witness: Witness): TableStore {
  const call = async <Answer>(what: string, effect: () => Promise<Answer>): Promise<Answer> => {
    try {
      return await network.call(caller, what, effect);
    } catch (error) {
      witness.trouble(caller);
      throw error;
    }
  };
  return {
    load: (file) => call(`load ${file.key}`, () => tables.load(file)),
    retract: (dataset, key, sequencer, options) =>
      call(`retract ${key}`, () => tables.retract(dataset, key, sequencer, options)),
    count: (dataset, key, sequencer) => tables.count(dataset, key, sequencer),
  };
}

/** Sequencers differ in length: S3 pads the shorter of two with zeros on the right before it compares them. */
function withShortSequencer(event: S3Event): S3Event {
  const { object } = event.detail;
  const sequencer = object.sequencer.replace(/0+$/, '');
  return { ...event, detail: { ...event.detail, object: { ...object, sequencer } } };
}

/** A queue as a poller on the network sees it: what it receives may be lost, and what it deletes may come back. */
function polled(queue: QueuePort, network: Network): MappedQueue {
  const poller: Party = { name: 'poller', alive: true };
  let copies: Awaited<ReturnType<QueuePort['receive']>> = [];
  return {
    async receive(max, _waitSeconds, signal) {
      // The same: one that is being worked on may be handed out once more.
      if (copies.length > 0) return copies.splice(0, max);
      const received = await queue.receive(max, pollSeconds, signal);
      if (received.length > 0 && network.happens('loseAnswer')) {
        network.note(`${queue.settings.name}: ${received.length} messages received, answer lost`);
        throw new Error('The answer was lost.');
      }
      copies = received.filter(() => network.happens('duplicate'));
      return received;
    },
    async delete(handles) {
      // "At-least-once delivery": a server that was away at the deletion may hand out the message again.
      const heard = handles.filter(() => !network.happens('duplicate'));
      await network.call(poller, `delete ${handles.length} from ${queue.settings.name}`, () =>
        heard.length > 0 ? queue.delete(heard) : undefined,
      );
    },
  };
}
