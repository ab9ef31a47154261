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
import { OUTCOME_LINE, RETRY_LINE, type Result, results } from '../domain/activity/stage-line.ts';
import { errorText, PermanentError, TransientError } from '../domain/errors.ts';
import { limits } from '../domain/records/part.ts';
import type { Registry } from '../domain/registry.ts';
import type { Stage } from '../domain/stage.ts';
import type { Announce } from '../domain/versions/announcement.ts';
import { UnreadableDocument } from '../domain/versions/document.ts';
import { faultKey } from '../domain/versions/key-layout.ts';
import { findObjectEvent, type ObjectEvent, parseObjectEvent } from '../domain/versions/object-event.ts';
import { total } from '../domain/versions/receipt.ts';
import { revisionName } from '../domain/versions/revision.ts';
import { threadedZstd } from '../formats/zstd.ts';
import type { TableCatalog } from '../lake/table-catalog.ts';
import type { TableSchemas } from '../lake/table-schema.ts';
import { writeFault } from '../store/failed-objects.ts';
import { isThrottled, ObjectNotFound, s3ObjectStore, untilDeadline } from '../store/object-store.ts';
import { AttemptNotes, receivesOf } from './stages/attempt-notes.ts';
import { backOff, type PutOff, sqsPutOff } from './stages/back-off.ts';
import type { StageContext } from './stages/context.ts';
import { sqsHandOver } from './stages/extraction/hand-over.ts';
import { type Outcome, withoutRecords } from './stages/outcome.ts';

const NAMESPACE = 'Sluice';

/**
 * No message is started in this last share of an invocation's time, since a timeout fails the whole batch.
 */
const RESERVED_TIME = limits.reservedTime;

/** The event of a message that asks for an outline of a segment. */
type SegmentEvent = ObjectEvent & { readonly segment: number };

/** A stage of the pipeline, as the Lambda handler of its queue needs it. */
export interface StageOptions {
  readonly stage: Stage;
  /** The Pulumi stack, a dimension of every metric: one account may have several. */
  readonly stack: string;
  /** The bucket for the reasons why objects can't be processed. */
  readonly failedBucket: string;
  readonly codeVersion: string;
  /** The datasets that this code has. */
  readonly registry: Registry;
  /** The schemas of the lake's tables, as this code knows them. */
  readonly tableSchema: TableSchemas;
  /** Of the lake's tables; only the commit needs it. */
  readonly catalog?: TableCatalog | undefined;
  /** Of the stages that end what a version goes through: see the context. */
  readonly announce?: Announce | undefined;
  readonly queueUrl: string;
  /** Of the queue, in seconds. */
  readonly visibilityTimeout: number;
  /** How often a message is received before it goes to the DLQ. */
  readonly maximumReceives: number;
  /** How many messages of a batch are processed at once; limited by the function's memory. */
  readonly concurrency: number;
  readonly work: (event: ObjectEvent, context: StageContext) => Promise<Outcome>;
  /** Outlines a segment of the event's object, if the stage asks for that: nothing depends on it. */
  readonly outline?: (event: ObjectEvent, segment: number, context: StageContext) => Promise<string>;
}

/** The dependencies that a simulation replaces. */
export interface StageDependencies
  extends Pick<
    StageContext,
    'store' | 'now' | 'elapsed' | 'wait' | 'zstd' | 'limits' | 'tables' | 'catalog' | 'announce' | 'handOver'
  > {
  readonly putOff: PutOff;
  /** From 0 to 1. */
  readonly random: () => number;
}

const onLambda = ({ queueUrl, catalog, announce }: StageOptions): StageDependencies => ({
  putOff: sqsPutOff(queueUrl),
  handOver: sqsHandOver(queueUrl),
  random: Math.random,
  store: s3ObjectStore(),
  now: Date.now,
  elapsed: () => performance.now(),
  wait: pause,
  zstd: threadedZstd,
  limits,
  catalog,
  announce,
});

/**
 * Makes the Lambda handler of a stage. Each message of a batch is processed on its own, and only those whose
 * effect is not durable go back to the queue. Structured logs, metrics and traces are the same for all
 * stages.
 */
export function stageHandler(
  options: StageOptions,
  { putOff, random, ...outside }: StageDependencies = onLambda(options),
) {
  const { stage, stack, concurrency } = options;
  const logger = new Logger({ serviceName: stage });
  const newMetrics = (serviceName: Stage) =>
    new Metrics({ namespace: NAMESPACE, serviceName, defaultDimensions: { stack } });
  const metrics = newMetrics(stage);
  const objectMetrics = newMetrics(stage);
  /** Of transformations that are done in place. */
  let transformation: { readonly logger: Logger; readonly metrics: Metrics } | undefined;
  const tracer = new Tracer({ serviceName: stage });
  const limit = pLimit(concurrency);

  const processEvent = async (event: ObjectEvent, context: StageContext) => {
    const { inPlace, ...outcome } = await settle(event, options, context);
    const sentAt = new Date(context.sentAt).toISOString();
    report(withObject(outcome, event, stage), event, { sentAt }, logger, objectMetrics);
    if (inPlace === undefined) return;
    transformation ??= {
      logger: logger.createChild({ serviceName: 'transformation' }),
      metrics: newMetrics('transformation'),
    };
    report(inPlace, event, { inPlace: true }, transformation.logger, transformation.metrics);
  };

  /**
   * Sets when the next attempt is. None begins before this invocation would have ended in any case, since
   * until then an object that it has claimed stays claimed. After the last attempt the queue's visibility
   * timeout stays, which is longer by so much that clocks may differ by minutes: who sends the message back
   * from the DLQ must not meet the claim either.
   *
   * @returns when the message is received again; undefined if only the visibility timeout says it
   */
  const whenAgain = async (message: SQSRecord, { code }: TransientError, timeLeft: number) => {
    const receives = receivesOf(message);
    if (receives >= options.maximumReceives) return undefined;
    const wait = backOff(code, receives, options.visibilityTimeout, random());
    const seconds = Math.max(wait, Math.ceil(timeLeft / 1000));
    try {
      await putOff(message, seconds);
      return new Date(outside.now() + seconds * 1000);
    } catch (error) {
      logger.warn('The next attempt at a message could not be put off', { error });
      return undefined;
    }
  };

  /**
   * Leaves the error of a failed attempt in the failed bucket, so that every message that is retried or
   * dead-lettered is explained.
   */
  const withAttemptNote = async (
    message: SQSRecord,
    notes: AttemptNotes,
    timeLeft: () => number,
    work: () => Promise<void>,
  ) => {
    try {
      await work();
    } catch (error) {
      const reason = transient(error, stage);
      const again = await whenAgain(message, reason, timeLeft());
      await notes.failed(message, reason, again).catch((failure: unknown) => {
        logger.warn('The note of a failed attempt could not be written', { error: failure });
      });
      throw error;
    }
    await notes.succeeded(message).catch((error: unknown) => {
      logger.warn('Work succeeded, but its notes of earlier attempts could not be deleted', { error });
    });
  };

  /** Whether a message only asks for an outline. */
  const asksForOutline = (event: ObjectEvent | undefined): event is SegmentEvent =>
    options.outline !== undefined && event?.segment !== undefined;

  /** It is done once, or not at all: the extraction goes on without it. So it never fails. */
  const outlineOnce = async ({ segment, ...event }: SegmentEvent, context: StageContext): Promise<void> => {
    if (context.receives > 1 || context.isEnding()) return;
    const { key, versionId } = event;
    const about = { key, versionId, segment };
    try {
      const outline = await options.outline?.(event, segment, context);
      logger.info('A segment was to be outlined', { ...about, outline });
    } catch (error) {
      logger.warn('A segment could not be outlined. Its extraction goes on without', { ...about, error });
    }
  };

  // Middy's early timeout would answer while work is still running. Lambda then freezes that work and may
  // thaw it much later.
  return middy<SQSEvent, unknown>({ timeoutEarlyInMillis: 0 })
    .use(injectLambdaContext(logger))
    .use(captureLambdaHandler(tracer, { captureResponse: false }))
    .use(logMetrics(metrics))
    .use(
      sqsPartialBatchFailure({
        logger: (error, message: SQSRecord) => {
          metrics.addMetric('MessagesFailed', MetricUnit.Count, 1);
          logger.error(RETRY_LINE, {
            error,
            messageId: message.messageId,
            attempt: receivesOf(message),
            of: options.maximumReceives,
            body: message.body.slice(0, 2048),
          });
        },
      }),
    )
    .handler(async ({ Records }, lambda) => {
      transformation?.logger.addContext(lambda);
      metrics.addMetric('MessagesReceived', MetricUnit.Count, Records.length);
      // SQS's own age of the oldest message ignores a message after three receives. This metric counts each
      // message once.
      for (const message of Records.filter((each) => receivesOf(each) === 1)) {
        const wait = outside.now() - Number(message.attributes.SentTimestamp);
        metrics.addMetric('QueueWait', MetricUnit.Milliseconds, Math.max(wait, 0));
      }
      const time = lambda.getRemainingTimeInMillis();
      const begunAt = outside.elapsed();
      const deadline = outside.now() + time;
      const timeLeft = () => time - (outside.elapsed() - begunAt);
      // A function that was frozen at its timeout and thawed later must stop: other invocations have taken
      // over. The monotonic clock may stand still while the machine is suspended, so the wall clock is
      // checked as well.
      const isOver = () => timeLeft() <= 0 || outside.now() >= deadline;
      const isEnding = () => timeLeft() < time * outside.limits.reservedTime;
      const store = untilDeadline(outside.store, isOver);
      const ports = { store, catalog: outside.catalog && untilDeadline(outside.catalog, isOver) };
      const batch = {};
      const startedAt = new Date(outside.now()).toISOString();
      const notes = new AttemptNotes({ ...options, store, startedAt });
      // A function that is killed can't leave a note, neither for this message nor for those it has not
      // started. So the notes of all repeated attempts are written first.
      const messages = Records.map((message) => ({ message, event: findObjectEvent(message.body) }));
      const repeatable = messages.filter(({ event }) => !asksForOutline(event));
      await Promise.allSettled(repeatable.map(({ message }) => notes.begun(message)));
      const contextOf = (message: SQSRecord): StageContext => ({
        ...outside,
        ...ports,
        batch,
        codeVersion: options.codeVersion,
        registry: options.registry,
        tableSchema: options.tableSchema,
        deadline,
        isEnding,
        message: message.messageId,
        sentAt: Number(message.attributes.SentTimestamp),
        invocation: lambda.awsRequestId,
        receives: receivesOf(message),
      });
      return Promise.allSettled(
        messages.map(({ message, event }) =>
          limit(async () => {
            if (asksForOutline(event)) return outlineOnce(event, contextOf(message));
            return withAttemptNote(message, notes, timeLeft, async () => {
              if (timeLeft() < time * RESERVED_TIME) throw outOfTime(stage);
              await processEvent(event ?? readEvent(message, stage), contextOf(message));
            });
          }),
        ),
      );
    });
}

function outOfTime(stage: Stage): TransientError {
  const message =
    'The invocation is almost out of time, so this message was not started: a timeout would fail the whole batch.';
  return new TransientError('interrupted', message, { stage });
}

/** @throws {TransientError} that says why it is none */
function readEvent(message: SQSRecord, stage: Stage): ObjectEvent {
  try {
    return parseObjectEvent(message.body);
  } catch (error) {
    throw new TransientError('unreadable_message', errorText(error), { stage, cause: error });
  }
}

/** Does the work. If the object is at fault, leaves the reason in the failed bucket. */
async function settle(event: ObjectEvent, options: StageOptions, context: StageContext): Promise<Outcome> {
  const { stage, failedBucket, work, registry } = options;
  try {
    return await work(event, context);
  } catch (error) {
    const fault =
      error instanceof ObjectNotFound
        ? new PermanentError('version_not_found', error.message, { stage, cause: error })
        : error;
    if (!(fault instanceof PermanentError)) throw transient(fault, stage);
    const item = registry.workItemOf(stage, event);
    await writeFault(context.store, failedBucket, faultKey(item), event, fault);
    const { code, message } = fault;
    return { ...withoutRecords(item.path.dataset, 'failed'), fault: { code, message } };
  }
}

function transient(error: unknown, stage: Stage): TransientError {
  if (error instanceof TransientError) return error;
  if (error instanceof UnreadableDocument) {
    const message = `${error.message} To reprocess the object: npx sluice replay KEY --force`;
    return new TransientError('unreadable_document', message, { stage, cause: error });
  }
  // Defects of our own code are retried as well, since a deployment may fix them; but they have a code of
  // their own.
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind);
  const code = ours ? 'unexpected' : isThrottled(error) ? 'throttled' : 'storage';
  return new TransientError(code, errorText(error), { stage, cause: error });
}

/** An event of the raw bucket names its object, whatever became of it. */
function withObject(outcome: Outcome, { key, versionId, revision }: ObjectEvent, stage: Stage): Outcome {
  if (stage !== 'extraction' || outcome.object !== undefined) return outcome;
  return { ...outcome, object: { key, versionId: revisionName(versionId, revision) } };
}

/**
 * Reports the outcome as a log line, by which a reader of the logs can follow each object, and as metrics of
 * the dataset, published at once since a batch may mix datasets.
 *
 * @param more what the line says besides
 */
function report(
  outcome: Outcome,
  { bucket, key, versionId }: ObjectEvent,
  more: Readonly<Record<string, unknown>>,
  logger: Logger,
  metrics: Metrics,
): void {
  const { dataset, result, read, written, filtered, rejected, unknown } = outcome;
  metrics.addDimension('dataset', dataset);
  for (const [name, value] of Object.entries({
    ...Object.fromEntries(measured.map((each) => [metricOf(each), each === result ? 1 : 0])),
    RecordsRead: read,
    RecordsWritten: written,
    RecordsFiltered: total(filtered),
    RecordsRejected: total(rejected),
    // A metric costs, so a dataset has this one only when there is something to count.
    ...(unknown !== undefined && { UnknownFields: unknown }),
  })) {
    metrics.addMetric(name, MetricUnit.Count, value);
  }
  metrics.publishStoredMetrics();
  const level = result === 'failed' ? 'warn' : 'info';
  logger[level](`${OUTCOME_LINE} ${result}`, { bucket, key, versionId, ...outcome, ...more });
}

/** Each metric costs: directory markers, and that an object goes on, are in the log alone. */
const measured = results.filter((each) => each !== 'ignored' && each !== 'continued');

/** `ObjectsDone`, `ObjectsStale`, … */
function metricOf(result: Result): string {
  return `Objects${result.charAt(0).toUpperCase()}${result.slice(1)}`;
}
