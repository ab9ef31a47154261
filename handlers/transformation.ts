import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { transformPart } from './stages/transform-part.ts';

const { buckets, options } = stageEnvironment('transformation');

export const stage: StageOptions = {
  ...options,
  work: (event, context) => transformPart(event, buckets, context),
};

export const handler = stageHandler(stage);
