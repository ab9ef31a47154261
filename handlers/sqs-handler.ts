import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { Tracer } from '@aws-lambda-powertools/tracer';
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware';
import middy from '@middy/core';
import sqsPartialBatchFailure from '@middy/sqs-partial-batch-failure';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import pLimit from 'p-limit';
import { PermanentError, TransientError } from '../domain/errors.ts';
import { limits } from '../domain/records/part.ts';
import type { Registry } from '../domain/registry.ts';
import type { Stage } from '../domain/stage.ts';
import { UnreadableDocument } from '../domain/versions/document.ts';
import { faultKey, gaveUpKey, unreadableMessageKey } from '../domain/versions/key-layout.ts';
import { type ObjectEvent, parseObjectEvent } from '../domain/versions/object-event.ts';
import { total } from '../domain/versions/receipt.ts';
import { threadedZstd } from '../formats/zstd.ts';
import { writeFault } from '../store/failed-objects.ts';
import { ObjectNotFound, type ObjectStore, s3ObjectStore, untilDeadline } from '../store/object-store.ts';
import type { StageContext } from './stages/context.ts';
import { type Outcome, results, withoutRecords } from './stages/outcome.ts';

const NAMESPACE = 'Sluice';

/** The last share of an invocation's time, in which no further message is begun: a time-out fails the whole batch. */
const RESERVED_TIME = 0.25;

/** One stage of the pipeline, as a Lambda function in front of a queue sees it. */
export interface StageOptions {
  readonly stage: Stage;
  /** Where the reason goes when an object can't be processed. */
  readonly failedBucket: string;
  readonly codeVersion: string;
  /** The datasets that this code has. */
  readonly registry: Registry;
  /** How often a message is received before it goes to the DLQ. */
  readonly maximumReceives: number;
  /** How many messages of a batch are worked on at once: what the function's memory has room for. */
  readonly concurrency: number;
  readonly work: (event: ObjectEvent, surroundings: StageContext) => Promise<Outcome>;
}

/** What a simulation replaces. */
export type StageDependencies = Pick<
  StageContext,
  'store' | 'now' | 'elapsed' | 'wait' | 'zstd' | 'limits' | 'tables'
>;

const onLambda = (): StageDependencies => ({
  store: s3ObjectStore(),
  now: Date.now,
  elapsed: () => performance.now(),
  wait: pause,
  zstd: threadedZstd,
  limits,
});

/**
 * Makes a Lambda handler of a stage: every message of a batch is worked on by itself, and only those whose effect is
 * not durable are given back to the queue. Structured logs, metrics and traces are the same for all stages.
 */
export function stageHandler(options: StageOptions, outside: StageDependencies = onLambda()) {
  const { stage, concurrency } = options;
  const logger = new Logger({ serviceName: stage });
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: stage });
  const objectMetrics = new Metrics({ namespace: NAMESPACE, serviceName: stage });
  const tracer = new Tracer({ serviceName: stage });
  const limit = pLimit(concurrency);

  const receivesOf = ({ attributes }: SQSRecord) => Number(attributes.ApproximateReceiveCount);
  const isLastAttempt = (message: SQSRecord) => receivesOf(message) >= options.maximumReceives;

  const processMessage = async (message: SQSRecord, surroundings: StageContext) => {
    const event = readEvent(message, stage);
    const outcome = await settle(event, options, surroundings);
    report(outcome, event, logger, objectMetrics);
  };

  /** After the last attempt, the reason lies in the failed bucket: a message in a DLQ is no riddle. */
  const withLastAttemptNote = async (message: SQSRecord, store: ObjectStore, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      if (isLastAttempt(message)) await leaveReason(error, message, options, store);
      throw error;
    }
    if (!isLastAttempt(message)) return;
    await store.remove(options.failedBucket, [reasonKey(message, options)]).catch((error: unknown) => {
      logger.warn('The work is done, but the note that it was begun for the last time stays', { error });
    });
  };

  // Middy's own early end would answer while work is under way, which Lambda then freezes and may thaw much later.
  return middy<SQSEvent, unknown>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use(logMetrics(metrics))
    .use(
      sqsPartialBatchFailure({
        logger: (error, message: SQSRecord) => {
          metrics.addMetric('MessagesFailed', MetricUnit.Count, 1);
          logger.error('The message goes back to the queue', {
            error,
            messageId: message.messageId,
            body: message.body.slice(0, 2048),
          });
        },
      }),
    )
    .handler(async ({ Records }, context) => {
      metrics.addMetric('MessagesReceived', MetricUnit.Count, Records.length);
      const time = context.getRemainingTimeInMillis();
      const begunAt = outside.elapsed();
      const deadline = outside.now() + time;
      const timeLeft = () => time - (outside.elapsed() - begunAt);
      // A function that was frozen at its time-out and thawed later must not go on: others have taken over. The clock that
      // never goes back may stand still in a machine that is suspended; the other one tells then.
      const store = untilDeadline(outside.store, () => timeLeft() <= 0 || outside.now() >= deadline);
      // Who is killed can't say why, and takes those with him that were not begun.
      const last = Records.filter(isLastAttempt);
      await Promise.allSettled(
        last.map((message) => leaveReason(interruptedError(stage), message, options, store)),
      );
      return Promise.allSettled(
        Records.map((message) =>
          limit(() =>
            withLastAttemptNote(message, store, async () => {
              if (timeLeft() < time * RESERVED_TIME) throw outOfTime(stage);
              await processMessage(message, {
                ...outside,
                store,
                codeVersion: options.codeVersion,
                registry: options.registry,
                deadline,
                message: message.messageId,
                invocation: context.awsRequestId,
                receives: receivesOf(message),
              });
            }),
          ),
        ),
      );
    });
}

function interruptedError(stage: Stage): TransientError {
  const message =
    'The last attempt was begun and left no word of its end: the function was killed, or ran out of time or memory. Its log tells which.';
  return new TransientError('interrupted', message, { stage });
}

function outOfTime(stage: Stage): TransientError {
  const message =
    'The time of the invocation is nearly over: the message was not begun, so that the others are not lost.';
  return new TransientError('interrupted', message, { stage });
}

function readEvent(message: SQSRecord, stage: Stage): ObjectEvent {
  try {
    return parseObjectEvent(message.body);
  } catch (error) {
    throw new TransientError('unreadable_message', (error as Error).message, { stage, cause: error });
  }
}

/** Does the work; where the object is at fault, leaves the reason in the failed bucket. */
async function settle(
  event: ObjectEvent,
  options: StageOptions,
  surroundings: StageContext,
): Promise<Outcome> {
  const { stage, failedBucket, work, registry } = options;
  try {
    return await work(event, surroundings);
  } catch (error) {
    const fault =
      error instanceof ObjectNotFound
        ? new PermanentError('version_not_found', error.message, { stage, cause: error })
        : error;
    if (!(fault instanceof PermanentError)) throw transient(fault, stage);
    const { path, numbers } = registry.workItemOf(stage, event);
    await writeFault(surroundings.store, failedBucket, faultKey(path, stage, ...numbers), event, fault);
    const { code, message } = fault;
    return { ...withoutRecords(path.dataset, 'failed'), fault: { code, message } };
  }
}

function transient(error: unknown, stage: Stage): TransientError {
  if (error instanceof TransientError) return error;
  if (error instanceof UnreadableDocument) {
    const message = `${error.message} What it is about can be done anew: npx sluice replay KEY --force`;
    return new TransientError('unreadable_document', message, { stage, cause: error });
  }
  // What our own code does wrong is retried as well, for a deploy may mend it; but it goes by its own name.
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  const message = error instanceof Error ? error.message : String(error);
  return new TransientError(ours ? 'unexpected' : 'storage', message, { stage, cause: error });
}

async function leaveReason(
  error: unknown,
  message: SQSRecord,
  options: StageOptions,
  store: ObjectStore,
): Promise<void> {
  const { stage, failedBucket } = options;
  const key = reasonKey(message, options);
  const event = eventOf(message);
  const reason = transient(error, stage);
  await writeFault(store, failedBucket, key, event ?? message, reason);
}

/** Beside the key that the message is about; of a message that nobody can read, by its id. */
function reasonKey(message: SQSRecord, { stage, registry }: StageOptions): string {
  const event = eventOf(message);
  if (event === undefined) return unreadableMessageKey(stage, message.messageId);
  const { path, numbers } = registry.workItemOf(stage, event);
  return gaveUpKey(path, stage, ...numbers);
}

function eventOf({ body }: SQSRecord): ObjectEvent | undefined {
  try {
    return parseObjectEvent(body);
  } catch {
    return undefined;
  }
}

/** Says what became of the object: a log line, and metrics of its dataset, published at once since a batch may mix datasets. */
function report(outcome: Outcome, event: ObjectEvent, logger: Logger, metrics: Metrics): void {
  const { dataset, result, read, written, filtered, rejected } = outcome;
  metrics.addDimension('dataset', dataset);
  for (const [name, value] of Object.entries({
    ...Object.fromEntries(results.map((each) => [metricOf(each), each === result ? 1 : 0])),
    RecordsRead: read,
    RecordsWritten: written,
    RecordsFiltered: total(filtered),
    RecordsRejected: total(rejected),
  })) {
    metrics.addMetric(name, MetricUnit.Count, value);
  }
  metrics.publishStoredMetrics();
  const { bucket, key, versionId } = event;
  const level = result === 'failed' ? 'warn' : 'info';
  logger[level](`The object is ${result}`, { bucket, key, versionId, ...outcome });
}

/** `ObjectsDone`, `ObjectsStale`, … */
function metricOf(result: Outcome['result']): string {
  return `Objects${result.charAt(0).toUpperCase()}${result.slice(1)}`;
}
