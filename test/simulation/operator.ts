import { candidates } from '../../cli/ledger/replay.ts';
import { type SweepProblem, sweep } from '../../cli/ledger/sweep.ts';
import type { Target } from '../../cli/target/target.ts';
import type { SyntheticEvent } from '../../domain/operations/sweep.ts';
import { type Stage, stageInputs, stages } from '../../domain/stage.ts';
import { toQueueMessage } from '../../domain/versions/event-message.ts';
import { revisionName } from '../../domain/versions/revision.ts';
import { registries } from './load/datasets.ts';
import type { Network, Party } from './network.ts';
import type { Pipeline } from './pipeline.ts';
import { memoryS3, type Onlooker } from './services/s3.ts';

const nobody: Onlooker = { changed: async () => {}, read: () => {}, trouble: () => {}, changes: () => {} };

/** Whoever looks after the pipeline, by the command line's own functions. */
export class Operator {
  readonly #pipeline: Pipeline;
  readonly #network: Network;
  readonly #target: Target;

  constructor(pipeline: Pipeline, network: Network) {
    this.#pipeline = pipeline;
    this.#network = network;
    const { topology, store } = pipeline;
    const named = <Purpose extends string>(
      of: readonly { readonly name: string }[],
      purposes: readonly Purpose[],
    ) =>
      Object.fromEntries(
        purposes.map((purpose) => [purpose, of.find(({ name }) => name.includes(`-${purpose}`))?.name ?? '']),
      );
    const person: Party = { name: 'operator', alive: true, steady: true };
    this.#target = {
      registry: registries[0],
      s3: memoryS3(store, network, person, nobody),
      outputs: {
        buckets: named(topology.buckets, ['raw', 'temp', 'processed', 'ledger', 'failed']),
        functions: Object.fromEntries(stages.map((stage) => [stage, stage])),
      },
      lambda: {
        send: async ({ input }: { readonly input: { readonly FunctionName: Stage } }) => ({
          Environment: { Variables: { CODE_VERSION: pipeline.codeVersionOf(input.FunctionName) } },
        }),
      },
    } as unknown as Target;
  }

  /** `sluice sweep --enqueue`. @returns what was amiss */
  async sweep(olderThanMs: number): Promise<SweepProblem[]> {
    const found: SweepProblem[] = [];
    const before = this.#network.clock.now() - olderThanMs;
    for await (const { findings } of sweep(this.#target, { prefix: '', before })) found.push(...findings);
    for (const { amiss, key, events } of found) {
      this.#network.note(`the sweep finds ${key} ${amiss}`);
      for (const { stage, event } of events) await this.#send(stage, event, 'Sweep');
    }
    return found;
  }

  /** `sluice replay --force KEY`. @returns the versions, in the revisions that they are to have */
  async replay(key: string): Promise<string[]> {
    const names: string[] = [];
    const request = { codes: [], since: 0, keys: [key], force: true };
    for await (const { event } of candidates(this.#target, request)) {
      if (event === undefined) continue;
      await this.#send('extraction', event, 'Replay');
      names.push(revisionName(event.versionId, event.revision));
    }
    this.#network.note(`replay of ${key}: ${names.join() || 'nothing to do'}`);
    return names;
  }

  async #send(stage: Stage, event: SyntheticEvent, reason: 'Sweep' | 'Replay'): Promise<void> {
    const body = toQueueMessage(
      this.#target.outputs.buckets[stageInputs[stage].bucket],
      event,
      reason,
      this.#network.clock.now(),
    );
    const queue = this.#pipeline.queues.find(({ name }) => name.includes(`-${stage}-`));
    await this.#pipeline.queue(queue?.name ?? '').send({ body });
  }
}
