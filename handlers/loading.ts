import { parseProcessedKey } from '../domain/key-layout.ts';
import { readConfiguration } from './configuration.ts';
import { pieceOf, type StageOptions, stageHandler } from './stage.ts';
import { loadFile } from './stages/load-file.ts';

const env = readConfiguration(
  'TEMP_BUCKET',
  'FAILED_BUCKET',
  'PROCESSED_BUCKET',
  'ARCHIVE_BUCKET',
  'LEDGER_BUCKET',
  'MAXIMUM_RECEIVES',
  'CODE_VERSION',
);
const buckets = {
  temp: env.TEMP_BUCKET,
  failed: env.FAILED_BUCKET,
  processed: env.PROCESSED_BUCKET,
  archive: env.ARCHIVE_BUCKET,
  ledger: env.LEDGER_BUCKET,
};

export const stage: StageOptions = {
  stage: 'loading',
  failedBucket: env.FAILED_BUCKET,
  codeVersion: env.CODE_VERSION,
  maximumReceives: Number(env.MAXIMUM_RECEIVES),
  concurrency: 8,
  work: (event, surroundings) => loadFile(event, buckets, surroundings),
  subjectOf: (event) => pieceOf(event, parseProcessedKey(event.key)),
};

export const handler = stageHandler(stage);
