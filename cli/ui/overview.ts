import { VERIFICATION } from '../../domain/dataset.ts';
import { type ExecutionState, latestExecutions, progressText } from '../ledger/executions.ts';
import { type AlarmState, alarmStates } from '../target/alarm-state.ts';
import { deadIn, type QueueState, queueDepth, queueStates, recentMetrics } from '../target/queue-state.ts';
import type { Target } from '../target/target.ts';
import type { Live, LiveActivity } from './live.ts';
import { Refreshed } from './refreshed.ts';

/** An execution of a state machine, with how far it is. */
export interface Run extends ExecutionState {
  readonly progress: string | undefined;
}

/** What the first screen shows. */
export interface Overview {
  readonly stack: string;
  readonly region: string;
  /** Whether it is the local cloud's. */
  readonly local: boolean;
  readonly mysql: boolean;
  readonly datasets: readonly { readonly name: string; readonly prefix: string }[];
  readonly stages: readonly QueueState[];
  /** Of all stages: what is in the DLQs, and what EventBridge could not deliver. */
  readonly dead: number;
  readonly crawl: { readonly waiting: number; readonly dead: number; readonly findings: number };
  /** Those that ring. */
  readonly ringing: readonly AlarmState[];
  readonly alarms: number;
  readonly running: readonly Run[];
  readonly activity: LiveActivity;
}

const QUEUES_MS = 900;
const SLOWER_MS = 5_000;
/** GetMetricData costs a cent for each thousand metrics, and there is a value each minute. */
const ON_AWS_MS = 30_000;
const EXECUTIONS = 20;

/**
 * Reads what the first screen shows. Each part is read as seldom as it changes, however many pages are open.
 */
export class Overviews {
  readonly #target: Target;
  readonly #live: Live;
  readonly #queues: Refreshed<readonly QueueState[]>;
  readonly #metrics: Refreshed<(id: string) => readonly number[]>;
  readonly #crawl: Refreshed<Overview['crawl']>;
  readonly #alarms: Refreshed<{ readonly ringing: readonly AlarmState[]; readonly alarms: number }>;
  readonly #runs: Refreshed<readonly Run[]>;

  constructor(target: Target, live: Live) {
    const slower = target.control === undefined ? ON_AWS_MS : SLOWER_MS;
    this.#target = target;
    this.#live = live;
    this.#metrics = new Refreshed(() => recentMetrics(target), slower);
    this.#queues = new Refreshed(
      async () => queueStates(target, (await this.#metrics.get()).value),
      QUEUES_MS,
    );
    this.#crawl = new Refreshed(() => crawlOf(target), slower);
    this.#alarms = new Refreshed(async () => {
      const { alarms } = await alarmStates(target);
      return { ringing: alarms.filter(({ state }) => state === 'ALARM'), alarms: alarms.length };
    }, slower);
    this.#runs = new Refreshed(() => runsOf(target), SLOWER_MS);
  }

  async get(): Promise<Overview> {
    const { outputs, control, registry } = this.#target;
    const [queues, crawl, alarms, runs] = await Promise.all([
      this.#queues.get(),
      this.#crawl.get(),
      this.#alarms.get(),
      this.#runs.get(),
    ]);
    return {
      stack: outputs.stack,
      region: outputs.region,
      local: control !== undefined,
      mysql: outputs.mysql !== undefined,
      datasets: registry.all
        .filter(({ name }) => name !== VERIFICATION)
        .map(({ name, source: { prefix } }) => ({ name, prefix })),
      stages: queues.value,
      dead: deadIn(queues.value),
      crawl: crawl.value,
      ...alarms.value,
      running: runs.value.filter(({ status }) => status === 'RUNNING'),
      activity: this.#live.get(),
    };
  }

  /** The newest executions, the newest first. */
  async runs(): Promise<readonly Run[]> {
    return (await this.#runs.get()).value;
  }

  /** The page has begun or changed something: the next look is a fresh one. */
  renew(): void {
    for (const each of [this.#queues, this.#runs]) each.forget();
  }
}

async function crawlOf(target: Target): Promise<Overview['crawl']> {
  const { crawlQueue, crawlDeadLetterQueue, findingsQueue } = target.outputs.catalog;
  const [waiting = 0, dead = 0, findings = 0] = await Promise.all(
    [crawlQueue, crawlDeadLetterQueue, findingsQueue].map(async (url) => {
      const depth = await queueDepth(target, url);
      return depth.waiting + depth.inFlight;
    }),
  );
  return { waiting, dead, findings };
}

async function runsOf(target: Target): Promise<Run[]> {
  const all = await latestExecutions(target, EXECUTIONS);
  return Promise.all(
    all.map(async (each) => ({
      ...each,
      progress: each.status === 'RUNNING' ? await progressText(target, each) : undefined,
    })),
  );
}
