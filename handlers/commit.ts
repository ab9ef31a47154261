import { glueCatalog } from '../lake/glue-catalog.ts';
import { readEnvironment, stageEnvironment } from './configuration.ts';
import { type StageOptions, stageHandler } from './sqs-handler.ts';
import { eventBridge } from './stages/announce.ts';
import { Commits } from './stages/commit/commits.ts';

const { buckets, options } = stageEnvironment('commit');
const { CATALOG_DATABASE } = readEnvironment('commit');
const catalog = glueCatalog(CATALOG_DATABASE);
const commits = new Commits(buckets);

export const stage: StageOptions = {
  ...options,
  catalog,
  announce: eventBridge(options.stack),
  // The messages of a batch are committed together.
  concurrency: Number.POSITIVE_INFINITY,
  work: (event, context) => commits.commit(event, context),
};

export const handler = stageHandler(stage);
