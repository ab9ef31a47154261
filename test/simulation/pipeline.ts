import { Readable } from 'node:stream';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Limits } from '../../domain/records/part.ts';
import { type Stage, stages } from '../../domain/stage.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import type { Receipt } from '../../domain/versions/receipt.ts';
import { parseRevision } from '../../domain/versions/revision.ts';
import { ZSTD_PARAMETERS, type Zstd } from '../../formats/zstd.ts';
import type { Caller } from '../../local-aws/core/call.ts';
import { queueDelivery } from '../../local-aws/events/delivery.ts';
import { createEvents, type Events } from '../../local-aws/events/events.ts';
import { account as accountId } from '../../local-aws/iam/credentials.ts';
import { EventSourceMapping } from '../../local-aws/lambda/mapping.ts';
import type { QueueTopology, Topology } from '../../local-aws/program/topology.ts';
import { Store } from '../../local-aws/s3/storage/store.ts';
import { createSqs, type Sqs } from '../../local-aws/sqs/sqs.ts';
import { settled } from '../../local-aws/test/virtual-clock.ts';
import { MysqlTableStore } from '../../mysql/mysql-table-store.ts';
import { patience } from '../../mysql/session.ts';
import { type ObjectStore, s3ObjectStore } from '../../store/object-store.ts';
import { Contents } from './checks/contents.ts';
import { Reader } from './checks/reader.ts';
import { type Codes, rowsOfWhole, type Uploaded } from './checks/specification.ts';
import { Witness } from './checks/witness.ts';
import { SimulatedFunction, type StageCode } from './functions.ts';
import { CODES, registries, tableSchemas } from './load/datasets.ts';
import type { Network, Party } from './network.ts';
import { MemoryBus } from './services/bus.ts';
import { MemoryCatalog } from './services/catalog.ts';
import { asS3Tells, polled } from './services/events.ts';
import { MemoryMysql } from './services/mysql.ts';
import { retried } from './services/retried.ts';
import { memoryS3, type Onlooker } from './services/s3.ts';
import type { System } from './system.ts';

/** A defect that a test puts between the stages and their store. */
export type Sabotage = (store: ObjectStore, random: () => number) => ObjectStore;

export interface PipelineOptions {
  readonly network: Network;
  /** Of each code that is deployed, one after the other. */
  readonly limits: readonly Limits[];
  readonly hasMysql: boolean;
  /** What was put under a key as this version. */
  readonly uploadOf: (key: string, versionId: string) => Uploaded | undefined;
  readonly sabotage?: Sabotage | undefined;
}

const zstd: Zstd = {
  compress: async (text) => zstdCompressSync(text, { params: ZSTD_PARAMETERS }),
  decompress: async (bytes) => zstdDecompressSync(bytes),
};

/**
 * The whole pipeline in one process: the local cloud's own parts and the stages' own code, on a virtual
 * clock.
 */
export class Pipeline {
  readonly topology: Topology;
  readonly region: string;
  readonly store: Store;
  readonly sqs: Sqs;
  readonly contents: Contents;
  readonly mysql: MemoryMysql | undefined;
  readonly catalog: MemoryCatalog;
  readonly bus: MemoryBus;
  readonly reader: Reader;
  readonly codes: Codes;
  readonly lostEvents: string[] = [];
  /** Versions that a lifecycle rule has deleted: their events say so. */
  readonly expired = new Set<string>();
  readonly #network: Network;
  readonly #events: Events;
  readonly #witness: Witness;
  readonly #functions = new Map<Stage, SimulatedFunction>();
  readonly #mappings: EventSourceMapping[] = [];
  deploys = 0;

  constructor({ topology, region, code }: System, options: PipelineOptions) {
    const { network, limits, hasMysql, uploadOf } = options;
    this.topology = topology;
    this.region = region;
    this.#network = network;
    const { clock, random } = network;
    const ids = () => random.id(20);
    const authorize = async () => {};

    this.sqs = createSqs({ queues: topology.queues, clock, authorize, region, accountId, ids });
    const delivery = queueDelivery(this.sqs);
    const bus: Party = { name: 'bus', alive: true };
    this.#events = createEvents({
      rules: topology.rules,
      clock,
      authorize,
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
      publish: (event) => this.#events.publish(asS3Tells(event, this.expired)),
      ids: { versionId: () => random.id(32), blobId: ids, eventId: ids },
    });

    this.codes = {
      of: ({ codeVersion }) => Number(/\d+$/.exec(codeVersion)?.[0]),
      partitions: (number) => limits[number]?.partitions ?? 0,
    };
    this.#witness = new Witness(network);
    this.bus = new MemoryBus((party) => this.#witness.trouble(party));
    this.catalog = new MemoryCatalog({
      moved: (table) => this.reader.lookAtLake(table),
      trouble: (party) => this.#witness.trouble(party),
    });
    this.contents = new Contents(this.store, this.catalog);
    const mysql = hasMysql
      ? new MemoryMysql(network, {
          committed: (table, object) => this.reader.lookAtTable(table, object),
          trouble: (party) => this.#witness.trouble(party),
        })
      : undefined;
    this.mysql = mysql;
    const rowsOf = (key: string, name: string, receipts: readonly Receipt[]) => {
      const upload = uploadOf(key, parseRevision(name).versionId);
      return upload && rowsOfWhole(upload, receipts, this.codes);
    };
    this.reader = new Reader(this.contents, mysql, rowsOf, network.violations);
    for (const settings of topology.functions) {
      const own = code.get(settings.name);
      if (own === undefined) continue;
      const start = (environment: Party, number: number) => this.#start(own, environment, number, options);
      const deployed = new SimulatedFunction(settings, own.stage, network, this.#witness, start);
      this.#functions.set(own.stage.stage, deployed);
      for (const mapping of topology.mappings.filter(({ functionArn }) => functionArn === settings.arn))
        this.#map(mapping, deployed, settings.roleArn);
    }
  }

  /** The calls that took effect after their senders' death. */
  get posthumous(): readonly string[] {
    return this.#network.posthumous;
  }

  /**
   * Starts one of the codes of a stage in an environment of its own: with its own clock and its own
   * connections.
   */
  #start(
    { stage, stageHandler }: StageCode,
    environment: Party,
    number: number,
    { network, limits, sabotage }: PipelineOptions,
  ) {
    const { clock, random } = network;
    const onlooker: Onlooker = {
      changed: async (caller, bucket, key) => {
        this.#witness.wrote(caller, key, await this.contents.entryAt(key));
        return this.reader.look(bucket, key);
      },
      read: (caller, bucket, key, versionId) => this.#witness.read(caller, bucket, key, versionId),
      trouble: (caller) => this.#witness.trouble(caller),
      changes: (caller, bucket) => this.#witness.changes(caller, bucket),
    };
    const port = s3ObjectStore(memoryS3(this.store, network, environment, onlooker));
    const { mysql } = this;
    const tables =
      mysql &&
      new MysqlTableStore(() => mysql.connect(environment), {
        ...patience,
        attempts: 3,
        connections: random.between(1, 2),
        pause: (attempts) => network.wait(100 * attempts),
        rowsRemoved: random.between(1, 3),
      });
    const registry = registries[number];
    const own = limits[number];
    if (registry === undefined || own === undefined) throw new Error(`There is no code ${number}.`);
    return stageHandler(
      {
        ...stage,
        codeVersion: codeVersionOf(stage.stage, number),
        registry,
        tableSchema: tableSchemas[number] ?? stage.tableSchema,
      },
      {
        putOff: ({ receiptHandle, eventSourceARN }, seconds) =>
          network.call(environment, 'put off a message', () =>
            this.queue(eventSourceARN).changeVisibility([{ receiptHandle, seconds }]),
          ),
        handOver: (event) =>
          retried({ network, caller: environment, onlooker }, () =>
            network.call(environment, 'hand over an object', () =>
              this.queue(stage.queueUrl.split('/').at(-1) ?? '').send({
                body: toQueueMessage(event.bucket, event, 'Continuation', clock.now()),
              }),
            ),
          ),
        random: () => random.next(),
        store: sabotage?.(port, () => random.next()) ?? port,
        tables,
        catalog: this.catalog.over(network, environment),
        announce: this.bus.over(network, environment),
        now: network.wrongClock(() => {
          network.note(`${environment.name}: its clock is set anew`);
          this.#witness.trouble(environment);
        }),
        elapsed: () => clock.now(),
        wait: (ms) => network.wait(ms),
        zstd,
        limits: own,
      },
    );
  }

  #map(settings: EventSourceMapping['settings'], deployed: SimulatedFunction, role: string): void {
    const { clock } = this.#network;
    const queue = this.queue(settings.queueArn, { kind: 'role', principal: role });
    const invoke = (payload: string) => deployed.invoke(payload);
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

  /**
   * From now on the next code runs, in one function after the other within a minute: whoever reads comes
   * before whoever writes for it.
   */
  deploy(): void {
    if (this.deploys === CODES - 1) return;
    this.deploys += 1;
    this.#network.note(`deploy of code ${this.deploys}`);
    const { clock, random } = this.#network;
    const inOrder = stages.toReversed().flatMap((stage) => this.#functions.get(stage) ?? []);
    let at = 0;
    for (const each of inOrder) {
      clock.schedule(at, () => each.deploy());
      at += random.between(0, 20_000);
    }
  }

  /** Of the code that a stage has by now. */
  codeVersionOf(stage: Stage): string {
    return codeVersionOf(stage, this.#functions.get(stage)?.deployment ?? 0);
  }

  /** Whether nothing is on its way but what lies in DLQs. */
  get drained(): boolean {
    if (this.#network.busy || this.#events.waiting() > 0) return false;
    if ([...this.#functions.values()].some(({ running }) => running > 0)) return false;
    return this.queues
      .filter(({ redrive }) => redrive !== undefined)
      .every(({ name }) => {
        const { visible, delayed, inFlight } = this.sqs.counts(name);
        return visible + delayed + inFlight === 0;
      });
  }

  /** Takes every message out of a DLQ and sends it where it came from, by the API's own move task. */
  async redrive(arn: string): Promise<void> {
    await this.#askSqs('StartMessageMoveTask', { SourceArn: arn });
    this.#network.note(`redrive of ${arn.split(':').at(-1)}`);
    await settled();
  }

  /** Drops what is in a queue, unless that was done within the last minute. */
  async purge(arn: string): Promise<void> {
    const url = this.queues.find((queue) => queue.arn === arn)?.url;
    await this.#askSqs('PurgeQueue', { QueueUrl: url });
    this.#network.note(`purge of ${arn.split(':').at(-1)}`);
  }

  async #askSqs(action: string, request: object): Promise<void> {
    const response = await this.sqs.handle({
      method: 'POST',
      path: '/',
      query: new URLSearchParams(),
      headers: { 'x-amz-target': `AmazonSQS.${action}` },
      body: Readable.from([JSON.stringify(request)]),
      caller: { kind: 'user', principal: `arn:aws:iam::${accountId}:user/test` },
      requestId: 'simulation',
      sourceIp: '127.0.0.1',
      endpoint: 'http://127.0.0.1',
      signal: new AbortController().signal,
    });
    const isRepeated = String(response.body).includes('PurgeQueueInProgress');
    if (response.status !== 200 && !isRepeated)
      throw new Error(`SQS refused ${action}: ${String(response.body)}`);
  }
}

/** Each stage has a bundle of its own. */
const codeVersionOf = (stage: Stage, number: number) => `${stage}-code-${number}`;
