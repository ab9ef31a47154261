import { editionName, parseEdition } from '../../domain/edition.ts';
import { settled, VirtualClock } from '../local/virtual-clock.ts';
import { put, remove } from './memory-store.ts';
import { findings, readHeads } from './model.ts';
import { climates, Network } from './network.ts';
import { Pipeline, type Sabotage, type System } from './pipeline.ts';
import { Random } from './random.ts';
import { type Change, rowsOfVersion } from './specification.ts';
import { makeWorkload, type Workload } from './workload.ts';

/** What one seed came to. */
export interface Run {
  readonly seed: number;
  readonly climate: string;
  /** What is wrong at the end; empty when the seed passes. */
  readonly findings: readonly string[];
  readonly trace: readonly string[];
  readonly objects: number;
}

export interface RunOptions {
  readonly sabotage?: Sabotage | undefined;
}

/** Far more than any seed needs: what takes longer goes round in circles. */
const maxSteps = 100_000;
/** In how many runs there is a deploy in the middle. */
const DEPLOYED = 0.5;
const maxRedrives = 3;
/** How long a move task takes for what may lie in a DLQ. */
const redriveMs = 5000;

/** Runs one schedule of the whole pipeline, and holds its end against the model. */
export async function runSeed(system: System, seed: number, { sabotage }: RunOptions = {}): Promise<Run> {
  const random = new Random(seed);
  const climate = random.pick(climates);
  const clock = new VirtualClock();
  const network = new Network(clock, random, climate, random.between(1, 5) * 3_600_000);
  const history: Change[] = [];
  const replayed: string[] = [];
  const rowsOf = (key: string, versionId: string) => rowsOfVersion(history, key, versionId);
  const partRecords = [random.between(1, 5), random.between(1, 5)] as const;
  const pipeline = new Pipeline(system, { network, partRecords, rowsOf, sabotage });
  const sources = pipeline.queues.filter(({ redrive }) => redrive !== undefined);
  const workload = makeWorkload(
    random,
    sources.map(({ arn }) => arn),
  );
  const end = (found: readonly string[]): Run => ({
    seed,
    climate: climate.name,
    findings: found,
    trace: network.trace,
    objects: workload.uploads.length,
  });

  if (random.chance(DEPLOYED))
    network.clock.schedule(random.between(1, 5 * 3_600_000), () => pipeline.deploy());
  const pending = begin(workload, pipeline, network, history, replayed);
  await pipeline.start();
  const drain = async (): Promise<string | undefined> => {
    for (let step = 0; step < maxSteps; step += 1) {
      await settled();
      if (pending() === 0 && pipeline.drained) return undefined;
      if (!clock.runNext()) return 'nothing moves any more, and there are messages left';
    }
    return `not drained after ${maxSteps} steps`;
  };

  for (let redrives = 0; ; redrives += 1) {
    const stuck = await drain();
    if (stuck !== undefined) return end([stuck]);
    network.calm();
    // What only the faults have brought there comes to its end now; poison comes back.
    const dead = pipeline.queues.filter(
      ({ name }) =>
        sources.some(({ redrive }) => redrive?.deadLetterQueue === name) &&
        pipeline.sqs.counts(name).visible > poisonFor(name, workload, system),
    );
    if (dead.length === 0 || redrives === maxRedrives) break;
    for (const { arn } of dead) await pipeline.redrive(arn);
    await clock.advance(redriveMs);
  }
  return end([...network.violations, ...(await findings(pipeline, history, workload.poison, replayed))]);
}

function poisonFor(deadLetterQueue: string, { poison }: Workload, { topology }: System): number {
  const source = topology.queues.find(({ redrive }) => redrive?.deadLetterQueue === deadLetterQueue);
  return poison.filter(({ queueArn }) => queueArn === source?.arn).length;
}

/** Puts everything on the clock. @returns how many are still to come */
function begin(
  { uploads, poison, deletions, replays }: Workload,
  pipeline: Pipeline,
  network: Network,
  history: Change[],
  replayed: string[],
): () => number {
  let pending = uploads.length + poison.length + deletions.length + replays.length;
  const raw =
    pipeline.store.buckets.find(({ settings }) => settings.name.includes('-raw-'))?.settings.name ?? '';
  for (const upload of uploads) {
    network.clock.schedule(upload.at, () => {
      const { key, body } = upload;
      void put(pipeline.store, { bucket: raw, key, body, contentType: 'application/json' }).then(
        ({ versionId }) => {
          network.note(`put ${key} as ${versionId.slice(0, 6)}`);
          history.push({ ...upload, versionId });
          pending -= 1;
        },
      );
    });
  }
  for (const { at, key } of deletions) {
    network.clock.schedule(at, () => {
      void remove(pipeline.store, raw, key).then(() => {
        network.note(`delete ${key}`);
        history.push({ key, deleted: true });
        pending -= 1;
      });
    });
  }
  for (const { at, key } of replays) {
    network.clock.schedule(at, () => {
      void replay(pipeline, raw, key).then((name) => {
        network.note(`replay of ${key}: ${name ?? 'nothing to do'}`);
        if (name !== undefined) replayed.push(name);
        pending -= 1;
      });
    });
  }
  for (const { at, queueArn, body } of poison) {
    network.clock.schedule(at, () => {
      void pipeline
        .queue(queueArn)
        .send({ body })
        .then(() => {
          network.note(`poison for ${queueArn.split(':').at(-1)}`);
          pending -= 1;
        });
    });
  }
  return () => pending;
}

/** Sends what the ledger shows of a key, or would if it were of use, on its way again. @returns the next edition */
async function replay(pipeline: Pipeline, bucket: string, key: string): Promise<string | undefined> {
  const known = (await readHeads(pipeline)).get(key);
  const version = known?.attempts.find(({ status }) => status === 'rejected') ?? known?.current;
  if (version === undefined || ('type' in version && version.type === 'deleted')) return undefined;
  const { versionId, edition } = parseEdition(version.versionId);
  const body = JSON.stringify({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: '2026-01-01T00:00:00Z',
    detail: {
      bucket: { name: bucket },
      object: { key, 'version-id': versionId, sequencer: version.sequencer },
      reason: 'Replay',
      edition: edition + 1,
    },
  });
  const queue = pipeline.queues.find(({ name }) => name.includes('-extraction-'));
  await pipeline.queue(queue?.name ?? '').send({ body });
  return editionName(versionId, edition + 1);
}
