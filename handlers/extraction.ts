import { registry } from '../datasets/index.ts';
import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { extractObject } from './stages/extract-object.ts';

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
  stage: 'extraction',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  registry,
  maximumReceives: Number(env.MAXIMUM_RECEIVES),
  concurrency: 2,
  work: (event, surroundings) => extractObject(event, buckets, surroundings),
  subjectOf: (event, known) => ({ path: known.pathOf(event), numbers: [] }),
};

export const handler = stageHandler(stage);
