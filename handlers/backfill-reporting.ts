import { s3ObjectStore } from '../store/object-store.ts';
import { stepFunctionsMapRuns } from './backfill/map-runs.ts';
import { type Reporting, reportingTask, reportOn } from './backfill/report.ts';
import { readEnvironment } from './configuration.ts';

const env = readEnvironment('backfill-reporting');

const context: Reporting = {
  store: s3ObjectStore(),
  mapRuns: stepFunctionsMapRuns(),
  now: Date.now,
  buckets: { failed: env.FAILED_BUCKET, ledger: env.LEDGER_BUCKET },
};

/** The tasks of the `backfill` and `replay` state machines that check outcomes and write the report. */
export async function handler(input: unknown): Promise<object> {
  return reportOn(reportingTask.parse(input), context);
}
