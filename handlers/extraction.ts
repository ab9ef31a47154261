import './heap.ts';
import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { eventBridge } from './stages/announce.ts';
import { extractObject } from './stages/extraction/extract-object.ts';
import { outlineSegment } from './stages/extraction/outline-segment.ts';

const { buckets, options } = stageEnvironment('extraction');

export const stage: StageOptions = {
  ...options,
  announce: eventBridge(options.stack),
  work: (event, context) => extractObject(event, buckets, context),
  outline: (event, segment, context) => outlineSegment(event, segment, buckets, context),
};

export const handler = stageHandler(stage);
