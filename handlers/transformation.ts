import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler } from './stage.ts';
import { transformPart } from './stages/transform-part.ts';

const env = readConfiguration('PROCESSED_BUCKET', 'FAILED_BUCKET', 'LEDGER_BUCKET', 'CODE_VERSION');
const buckets = { processed: env.PROCESSED_BUCKET, failed: env.FAILED_BUCKET, ledger: env.LEDGER_BUCKET };

export const stage: StageOptions = {
  stage: 'transformation',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  concurrency: 2,
  work: (event, surroundings) => transformPart(event, buckets, surroundings),
};

export const handler = stageHandler(stage);
