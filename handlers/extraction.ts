import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler } from './stage.ts';
import { extractObject } from './stages/extract-object.ts';

const env = readConfiguration('TEMP_BUCKET', 'FAILED_BUCKET', 'LEDGER_BUCKET', 'CODE_VERSION');
const buckets = { temp: env.TEMP_BUCKET, failed: env.FAILED_BUCKET, ledger: env.LEDGER_BUCKET };

export const stage: StageOptions = {
  stage: 'extraction',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  concurrency: 2,
  work: (event, surroundings) => extractObject(event, buckets, surroundings),
};

export const handler = stageHandler(stage);
