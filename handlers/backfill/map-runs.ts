import { DescribeMapRunCommand, ListMapRunsCommand, SFNClient } from '@aws-sdk/client-sfn';

/** A run of a distributed map, and how many items it was given. */
export interface MapRun {
  /** As the state machine's definition labels the map. */
  readonly label: string;
  readonly items: number;
}

/** The map runs of an execution; if a map was retried, only its last run. */
export type MapRunsOf = (executionArn: string) => Promise<MapRun[]>;

/** Asks Step Functions, or the local cloud ("Step Functions API Reference: DescribeMapRun"). */
export function stepFunctionsMapRuns(client = new SFNClient({})): MapRunsOf {
  return async (executionArn) => {
    const { mapRuns = [] } = await client.send(new ListMapRunsCommand({ executionArn }));
    const began = ({ startDate }: { startDate: Date | undefined }) => startDate?.getTime() ?? 0;
    const last = new Map(
      mapRuns.sort((a, b) => began(a) - began(b)).map((run) => [labelOf(run.mapRunArn), run.mapRunArn]),
    );
    return Promise.all(
      [...last].map(async ([label, mapRunArn]) => {
        const { itemCounts } = await client.send(new DescribeMapRunCommand({ mapRunArn }));
        return { label, items: itemCounts?.total ?? 0 };
      }),
    );
  };
}

/** `arn:aws:states:…:mapRun:<state machine>/<label>:<id>` */
const labelOf = (arn = '') => /:mapRun:[^/]+\/([^:]+):/.exec(arn)?.[1] ?? arn;
