import { limits as deployedLimits, type Limits } from '../../domain/records/part.ts';
import { settled } from '../../local-aws/test/virtual-clock.ts';
import { findings } from './checks/model.ts';
import type { Change, Uploaded } from './checks/specification.ts';
import { Deeds } from './deeds.ts';
import { FiniteClock } from './finite-clock.ts';
import { CODES } from './load/datasets.ts';
import { makeWorkload } from './load/workload.ts';
import { climates, Network } from './network.ts';
import { Operator } from './operator.ts';
import { Pipeline, type Sabotage } from './pipeline.ts';
import { Random } from './random.ts';
import type { System } from './system.ts';

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

const maxRedrives = 3;
const maxSweeps = 4;
/** How long a move task takes for what may lie in a DLQ. */
const redriveMs = 5000;
/** Longer than a DLQ keeps what is in it. */
const neglectMs = 15 * 86_400_000;
/** How much younger than this nothing is at the end: leases have ended, by whichever clock. */
const quietMs = 3_600_000;
/** After this, nothing of what was left behind is too young to be garbage. */
const garbageMs = 2 * 3_600_000;
/** In how many runs there is no MySQL, as a stack may have none. */
const WITHOUT_MYSQL = 0.25;

/** Runs one schedule of the whole pipeline, and holds its end against the model. */
export async function runSeed(system: System, seed: number, { sabotage }: RunOptions = {}): Promise<Run> {
  const random = new Random(seed);
  const climate = random.pick(climates);
  const clock = new FiniteClock(() => network.trace);
  const network: Network = new Network(clock, random, climate, random.between(1, 5) * 3_600_000);
  const history: Change[] = [];
  const uploadOf = (key: string, versionId: string) =>
    history.find(
      (change): change is Uploaded =>
        'body' in change && change.key === key && change.versionId === versionId,
    );
  const pipeline = new Pipeline(system, {
    network,
    limits: Array.from({ length: CODES }, () => smallLimits(random)),
    hasMysql: !random.chance(WITHOUT_MYSQL),
    uploadOf,
    sabotage,
  });
  const operator = new Operator(pipeline, network);
  const deeds = new Deeds(pipeline, network, operator, history);
  const sources = pipeline.queues.filter(({ redrive }) => redrive !== undefined);
  const workload = makeWorkload(
    random,
    sources.map(({ arn }) => arn),
  );
  const objects = workload.deeds.filter(({ kind }) => kind === 'put').length;
  const end = (found: readonly string[]): Run => ({
    seed,
    climate: climate.name,
    findings: found,
    trace: network.trace,
    objects,
  });

  deeds.schedule(workload.deeds);
  await pipeline.start();
  /** @throws {Error} when that never ends */
  const drain = async (): Promise<void> => {
    for (;;) {
      await settled();
      if (deeds.pending === 0 && pipeline.drained) return;
      if (!clock.runNext()) throw new Error('nothing moves any more, and there are messages left');
    }
  };
  /** What only the faults have brought into the DLQs comes to its end now; poison comes back. */
  const redriveAll = async (): Promise<void> => {
    for (let redrives = 0; redrives < maxRedrives; redrives += 1) {
      const dead = pipeline.queues.filter(({ name }) => {
        const source = sources.find(({ redrive }) => redrive?.deadLetterQueue === name);
        const own = deeds.poison.filter(({ queueArn }) => queueArn === source?.arn);
        return source !== undefined && pipeline.sqs.counts(name).visible > (deeds.purged ? 0 : own.length);
      });
      if (dead.length === 0) return;
      for (const { arn } of dead) await pipeline.redrive(arn);
      await clock.advance(redriveMs);
      await drain();
    }
  };

  try {
    await drain();
    network.calm();
    if (workload.isNeglected) {
      const dead = pipeline.queues.filter(({ redrive }) => redrive === undefined);
      deeds.needsSweep ||= dead.some(({ name }) => pipeline.sqs.counts(name).visible > 0);
      deeds.purged = true;
      network.note('nobody looks after the DLQs');
      await clock.advance(neglectMs);
    }
    await redriveAll();
    const mend = async (): Promise<void> => {
      await watched(network, clock, deeds.mend());
      await drain();
    };
    await mend();
    for (let sweeps = 1; ; sweeps += 1) {
      await clock.advance(quietMs);
      const found = await watched(network, clock, operator.sweep(0));
      if (found.length === 0) {
        // What was about versions that are gone by now.
        await redriveAll();
        // What was taken away of a version that a sweep has completed.
        await mend();
        break;
      }
      const what = found.map(({ key, amiss }) => `${key} ${amiss}`).join(', ');
      if (!deeds.needsSweep) network.violations.push(`the sweep finds ${what}, and nothing was lost`);
      if (sweeps === maxSweeps) {
        network.violations.push(`the sweep finds ${what}, however often it is swept`);
        break;
      }
      deeds.swept = true;
      await drain();
      await redriveAll();
      await mend();
    }
    await watched(network, clock, deeds.compact());
    await clock.advance(garbageMs);
    await watched(network, clock, deeds.maintain());
    return end([...network.violations, ...(await findings(pipeline, deeds))]);
  } catch (error) {
    return end([...network.violations, (error as Error).message]);
  }
}

/** Lets time pass until a person's work is done. */
async function watched<Result>(network: Network, clock: FiniteClock, work: Promise<Result>): Promise<Result> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  for (;;) {
    await settled();
    if (isDone) return done;
    if (!clock.runNext()) throw new Error(`the operator waits for nothing at ${network.clock.now()}`);
  }
}

/** So small that small objects meet all of them. */
function smallLimits(random: Random): Limits {
  return {
    blockBytes: random.pick([deployedLimits.blockBytes, 20]),
    partRecords: random.between(1, 5),
    partBytes: random.pick([deployedLimits.partBytes, 600]),
    inPlaceBytes: random.pick([deployedLimits.inPlaceBytes, 0]),
    segmentBytes: random.pick([40, 80]),
    partitions: random.pick([deployedLimits.partitions, 2]),
    rejects: random.pick([deployedLimits.rejects, 200]),
    checkpointMs: random.pick([deployedLimits.checkpointMs, 0]),
    reservedTime: random.pick([deployedLimits.reservedTime, 0.9995]),
  };
}
