import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { isRetry, parseStageLine } from '../../../domain/activity/stage-line.ts';
import { errorText } from '../../../domain/errors.ts';
import { isSettled, isShownBy, type LedgerEntry } from '../../../domain/versions/ledger.ts';
import { total } from '../../../domain/versions/receipt.ts';
import { settleAll } from '../../../store/settle-all.ts';
import { entryOf } from '../../ledger/ledger.ts';
import { rejects } from '../../ledger/rejects/rejects.ts';
import type { ObjectState } from '../../ledger/states/object-state.ts';
import { withStack } from '../../options/chosen-target.ts';
import { uploadedVersion } from '../../target/uploaded-version.ts';
import { LogTail, logGroupOf, quotedTerm } from '../../terminal/log-events.ts';
import { onStack } from '../finding.ts';
import { cleanUp } from './clean-up.ts';
import { follow } from './follow.ts';
import { type ProbeObject, type ProbeObjects, probeObjects } from './objects.ts';
import { redrivePoison } from './poison.ts';
import { sendEvent } from './send-event.ts';
import { crawlForProbe, queryProbe, queryProbeInMysql, reconcileProbe } from './sinks.ts';
import {
  differs,
  type ProbeOptions,
  StepFailed,
  type StepName,
  type StepResult,
  StepSkipped,
  untilNextLook,
} from './step.ts';

/** Sends probe objects through the pipeline, compares what becomes of them, and erases them. */
export class Probe {
  readonly objects: ProbeObjects = probeObjects();
  readonly #options: ProbeOptions;
  readonly #results: StepResult[] = [];

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  /** Each step needs those before it, so after a failure only the cleaning up is left. */
  async run(): Promise<StepResult[]> {
    const { objects } = this;
    const { target, crawl } = this.#options;
    await this.#step('records', () => this.#records());
    await this.#step('rejects', () => this.#rejects());
    let version = '';
    await this.#step('overwrite', async () => {
      version = await this.#put(objects.replacing);
      return this.#expect(objects.replacing, version);
    });
    await this.#step('deletion', () => this.#deletion());
    await this.#step('duplicate', () => this.#duplicate(version));
    await this.#step('poison', () => redrivePoison(objects, this.#options));
    await this.#step('sinks', () => reconcileProbe(objects, this.#options));
    await this.#step('query', () => queryProbe(objects, this.#options));
    await this.#step('mysql', () => {
      if (target.outputs.mysql === undefined && target.control === undefined)
        throw new StepSkipped('the stack has no MySQL');
      return queryProbeInMysql(objects, this.#options);
    });
    await this.#step('crawl', () => {
      if (!crawl) throw new StepSkipped('--no-crawl');
      return crawlForProbe(objects, this.#options);
    });
    // Whatever failed, nothing is to stay; but what is stuck is what a person must look at, and its message
    // comes back until its last attempt.
    const isStuck = this.#results.some(({ findings }) => findings.some(({ blocking }) => blocking));
    await this.#step(
      'cleanup',
      () => {
        if (!isStuck) return cleanUp(objects, this.#options);
        throw new StepSkipped(
          `${objects.prefix} is left for you to look at; to erase it afterwards: npx sluice verify --clean`,
        );
      },
      true,
    );
    return this.#results;
  }

  async #step(step: StepName, work: () => Promise<string>, always = false): Promise<void> {
    const { signal, onStep, progress, on } = this.#options;
    const begun = performance.now();
    const end = (result: StepResult['result'], detail: string, findings: StepResult['findings'] = []) => {
      const done: StepResult = {
        step,
        result,
        detail: withStack(detail, on),
        tookMs: Math.round(performance.now() - begun),
        findings: findings.map((each) => onStack(each, on)),
      };
      this.#results.push(done);
      onStep(done);
    };
    const failed = this.#results.find(({ result }) => result === 'failed');
    if (failed !== undefined && !always) return end('skipped', `${failed.step} failed`);
    progress(`Probe objects: ${step}`);
    try {
      end('passed', await work());
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof StepSkipped) return end('skipped', error.message);
      const failure =
        error instanceof StepFailed
          ? error
          : differs(
              'step_failed',
              step,
              errorText(error),
              'To see the state of the pipeline: npx sluice status',
            );
      end('failed', failure.message, [failure.finding]);
    }
  }

  async #records(): Promise<string> {
    const { mixed, doomed, unreadable } = this.objects;
    const all = [mixed, doomed, unreadable];
    const versions = await Promise.all(all.map((each) => this.#put(each)));
    const told = await settleAll(all.map((each, i) => this.#expect(each, versions[i] ?? '')));
    return told.join('; ');
  }

  async #put({ key, body }: ProbeObject): Promise<string> {
    const { target } = this.#options;
    const input = { Bucket: target.outputs.buckets.raw, Key: key, Body: body };
    const answer = await target.s3.send(new PutObjectCommand(input));
    return uploadedVersion(target, key, answer);
  }

  /** Follows an object to its end, and compares its counts with what must be. */
  async #expect(object: ProbeObject, versionId: string): Promise<string> {
    const { target } = this.#options;
    const { key, read, written, filtered, rejects: rejected, fault } = object;
    const ended = await follow(target, { key, versionId }, this.#options);
    if ('stuck' in ended) throw new StepFailed(ended.stuck);
    const seen = countsOf(ended.state);
    const wanted = {
      stage: fault === undefined ? 'done' : 'failed',
      fault,
      read,
      written,
      filtered,
      rejected: rejected.length,
    };
    for (const [what, value] of Object.entries(wanted))
      if (seen[what] !== value)
        throw differs(
          'counts_differ',
          key,
          `${what} is ${seen[what] ?? 'missing'}, and must be ${value ?? 'missing'}.`,
          `To see its history: npx sluice explain ${key}`,
        );
    return fault ?? `${read} read = ${written} written + ${filtered} filtered + ${rejected.length} rejected`;
  }

  async #rejects(): Promise<string> {
    const { target } = this.#options;
    const { key, rejects: wanted } = this.objects.mixed;
    const found: (readonly [number, string])[] = [];
    const request = { keys: [key], codes: [], since: 0, limit: 100, withRecord: false };
    for await (const each of rejects(target, request)) {
      if ('problem' in each)
        throw differs('rejects_differ', key, each.problem, `To list them: npx sluice rejects ${key}`);
      if ('reject' in each) found.push([each.reject.recordNumber, each.reject.code]);
    }
    const text = (all: readonly (readonly [number, string])[]) =>
      all
        .map(([record, code]) => `record ${record} ${code}`)
        .sort()
        .join(', ');
    if (text(found) !== text(wanted))
      throw differs(
        'rejects_differ',
        key,
        `The failed bucket has ${text(found) || 'no reject'}, and must have ${text(wanted)}.`,
        `To list them: npx sluice rejects ${key}`,
      );
    return text(found);
  }

  async #deletion(): Promise<string> {
    const { target } = this.#options;
    const { key } = this.objects.doomed;
    let entry: LedgerEntry | undefined;
    await target.s3.send(new DeleteObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key }));
    await this.#until(
      async () => {
        entry = (await entryOf(target, key))?.entry;
        return entry?.current?.type === 'deleted' && isSettled(entry);
      },
      () => deletionFailed(key, entry),
    );
    return 'the deleted object was retracted from every sink';
  }

  /** Sends the event of the replacing version once more, and waits until extraction says that it knew it. */
  async #duplicate(versionId: string): Promise<string> {
    const { target } = this.#options;
    const { key, body } = this.objects.replacing;
    const current = (await entryOf(target, key))?.entry.current;
    const sequencer = current?.sequencer ?? '';
    const group = await logGroupOf(target, target.outputs.functions.extraction);
    const tail = new LogTail(target, group, Date.now() - 60_000, quotedTerm(key));
    const size = Buffer.byteLength(body);
    await sendEvent(target, target.outputs.queues.extraction, { key, versionId, sequencer, size });
    await this.#until(
      async () => {
        for await (const { message = '' } of tail.look()) {
          const line = parseStageLine(message);
          if (
            line !== undefined &&
            !isRetry(line) &&
            line.versionId === versionId &&
            line.result === 'duplicate'
          )
            return true;
        }
        return false;
      },
      () =>
        differs(
          'duplicate_unseen',
          key,
          `Its event was sent once more, and no line in ${group} says that extraction acknowledged a duplicate.`,
          'To see its lines: npx sluice logs extraction',
        ),
    );
    return 'the event that came twice was acknowledged as a duplicate';
  }

  async #until(isSo: () => Promise<boolean>, failure: () => StepFailed): Promise<void> {
    const { target, timeoutMs, signal } = this.#options;
    const end = Date.now() + timeoutMs;
    while (!(await isSo())) {
      signal.throwIfAborted();
      if (Date.now() > end) throw failure();
      await untilNextLook({ target, signal });
    }
  }
}

/** Where a deletion has stopped on its way: before extraction, or at a sink that was told of it. */
function deletionFailed(key: string, entry: LedgerEntry | undefined): StepFailed {
  if (entry?.current?.type !== 'deleted')
    return differs(
      'deletion_unseen',
      key,
      'It was deleted, and the ledger still has its version as the active one: the event of the deletion did not arrive, or extraction fails at it.',
      `To see which: npx sluice status ${key}; npx sluice logs extraction`,
    );
  const stage = isShownBy('committed', entry) ? 'loading' : 'commit';
  const sinks = stage === 'commit' ? "the lake's table still shows" : 'MySQL or the archive may still have';
  return differs(
    'deletion_unfinished',
    key,
    `It was deleted, extraction has published that, and ${sinks} its rows: the event of the publication did not arrive, or the ${stage} fails at it.`,
    `To see which: npx sluice status ${key}; npx sluice logs ${stage}`,
  );
}

function countsOf({ stage, read, written, filtered, rejected, fault }: ObjectState): Record<string, unknown> {
  return { stage, fault: fault?.code, read, written, filtered: total(filtered), rejected: total(rejected) };
}
