import { readConfiguration } from './configuration.ts';
import { type StageOptions, stageHandler } from './stage.ts';
import { loadFile } from './stages/load-file.ts';

const env = readConfiguration('ARCHIVE_BUCKET', 'FAILED_BUCKET', 'LEDGER_BUCKET', 'CODE_VERSION');
const buckets = { archive: env.ARCHIVE_BUCKET, ledger: env.LEDGER_BUCKET };

export const stage: StageOptions = {
  stage: 'loading',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  concurrency: 8,
  work: (event, surroundings) => loadFile(event, buckets, surroundings),
};

export const handler = stageHandler(stage);
