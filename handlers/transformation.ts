import { registry } from '../datasets/index.ts';
import { parsePartKey } from '../domain/versions/key-layout.ts';
import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler, workItemOf } from './sqs-handler.ts';
import { transformPart } from './stages/transform-part.ts';

const env = readConfiguration(
  'TEMP_BUCKET',
  'FAILED_BUCKET',
  'PROCESSED_BUCKET',
  'LEDGER_BUCKET',
  'MAXIMUM_RECEIVES',
  'CODE_VERSION',
);
const buckets = {
  temp: env.TEMP_BUCKET,
  failed: env.FAILED_BUCKET,
  processed: env.PROCESSED_BUCKET,
  ledger: env.LEDGER_BUCKET,
};

export const stage: StageOptions = {
  stage: 'transformation',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  registry,
  maximumReceives: Number(env.MAXIMUM_RECEIVES),
  concurrency: 2,
  work: (event, surroundings) => transformPart(event, buckets, surroundings),
  subjectOf: (event) => workItemOf(event, parsePartKey(event.key)),
};

export const handler = stageHandler(stage);
