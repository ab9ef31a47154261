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
import { PermanentError, type Stage, TransientError } from '../domain/errors.ts';
import { UNKNOWN_DATASET, versionPath } from '../domain/key-layout.ts';
import { type ObjectEvent, parseObjectEvent } from '../domain/object-event.ts';
import { partLimits } from '../domain/part.ts';
import { total } from '../domain/receipt.ts';
import { ObjectNotFound, s3ObjectStore } from './edges/object-store.ts';
import { threadedZstd } from './edges/zstd.ts';
import { type Outcome, type Surroundings, writeFault } from './stages/work.ts';

const NAMESPACE = 'Sluice';

/** The last share of an invocation's time, in which no further message is begun: a time-out fails the whole batch. */
const RESERVED_TIME = 0.25;

/** One stage of the pipeline, as a Lambda function in front of a queue sees it. */
export interface StageOptions {
  readonly stage: Stage;
  /** Where the reason goes when an object can't be processed. */
  readonly failedBucket: string;
  readonly codeVersion: string;
  /** How many messages of a batch are worked on at once: what the function's memory has room for. */
  readonly concurrency: number;
  readonly work: (event: ObjectEvent, surroundings: Surroundings) => Promise<Outcome>;
}

/** What a simulation replaces. */
export type StageSurroundings = Omit<Surroundings, 'codeVersion'>;

const onLambda = (): StageSurroundings => ({
  store: s3ObjectStore(),
  now: Date.now,
  zstd: threadedZstd,
  partLimits,
});

/**
 * Makes a Lambda handler of a stage: every message of a batch is worked on by itself, and only those whose effect is
 * not durable are given back to the queue. Structured logs, metrics and traces are the same for all stages.
 */
export function stageHandler(
  { stage, failedBucket, codeVersion, concurrency, work }: StageOptions,
  outside: StageSurroundings = onLambda(),
) {
  const logger = new Logger({ serviceName: stage });
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: stage });
  const objectMetrics = new Metrics({ namespace: NAMESPACE, serviceName: stage });
  const tracer = new Tracer({ serviceName: stage });
  const surroundings: Surroundings = { ...outside, codeVersion };
  const limit = pLimit(concurrency);

  const processMessage = async (message: SQSRecord): Promise<void> => {
    const event = readEvent(message, stage);
    const outcome = await settle(event, stage, failedBucket, surroundings, work);
    report(outcome, event, logger, objectMetrics);
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
    .handler(({ Records }, context) => {
      metrics.addMetric('MessagesReceived', MetricUnit.Count, Records.length);
      const reserve = context.getRemainingTimeInMillis() * RESERVED_TIME;
      return Promise.allSettled(
        Records.map((message) =>
          limit(async () => {
            if (context.getRemainingTimeInMillis() < reserve) throw outOfTime(stage);
            await processMessage(message);
          }),
        ),
      );
    });
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
  stage: Stage,
  failedBucket: string,
  surroundings: Surroundings,
  work: StageOptions['work'],
): Promise<Outcome> {
  try {
    return await work(event, surroundings);
  } catch (error) {
    const fault =
      error instanceof ObjectNotFound
        ? new PermanentError('version_not_found', error.message, { stage, cause: error })
        : error;
    if (!(fault instanceof PermanentError)) {
      throw new TransientError('storage', fault instanceof Error ? fault.message : String(fault), {
        stage,
        cause: fault,
      });
    }
    const path = versionPath({ dataset: UNKNOWN_DATASET, ...event });
    await writeFault(surroundings.store, failedBucket, path, event, fault);
    return {
      dataset: UNKNOWN_DATASET,
      result: 'failed',
      read: 0,
      written: 0,
      filtered: {},
      rejected: {},
      fault: { code: fault.code, message: fault.message },
    };
  }
}

/** Says what became of the object: a log line, and metrics of its dataset, published at once since a batch may mix datasets. */
function report(outcome: Outcome, event: ObjectEvent, logger: Logger, metrics: Metrics): void {
  const { dataset, result, read, written, filtered, rejected } = outcome;
  metrics.addDimension('dataset', dataset);
  for (const [name, value] of Object.entries({
    ObjectsDone: result === 'done' ? 1 : 0,
    ObjectsDuplicate: result === 'duplicate' ? 1 : 0,
    ObjectsFailed: result === 'failed' ? 1 : 0,
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
