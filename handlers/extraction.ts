import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { extractObject } from './stages/extract-object.ts';

const { buckets, options } = stageEnvironment('extraction');

export const stage: StageOptions = {
  ...options,
  work: (event, surroundings) => extractObject(event, buckets, surroundings),
};

export const handler = stageHandler(stage);
