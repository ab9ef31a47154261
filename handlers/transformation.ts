import { parsePartKey } from '../domain/versions/key-layout.ts';
import { stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler, workItemOf } from './sqs-handler.ts';
import { transformPart } from './stages/transform-part.ts';

const { buckets, options } = stageEnvironment('transformation');

export const stage: StageOptions = {
  ...options,
  work: (event, context) => transformPart(event, buckets, context),
  subjectOf: (event) => workItemOf(event, parsePartKey(event.key)),
};

export const handler = stageHandler(stage);
