import './heap.ts';
import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { eventBridge } from './stages/announce.ts';
import { transformPart } from './stages/transformation/transform-part.ts';

const { buckets, options } = stageEnvironment('transformation');

export const stage: StageOptions = {
  ...options,
  announce: eventBridge(options.stack),
  work: (event, context) => transformPart(event, buckets, context),
};

export const handler = stageHandler(stage);
