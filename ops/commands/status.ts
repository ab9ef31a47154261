import { HeadObjectCommand, S3ServiceException } from '@aws-sdk/client-s3';
import type { Command } from 'commander';
import pLimit from 'p-limit';
import { stateTable } from '../describe-state.ts';
import { listObjects } from '../listing.ts';
import { isConserved, isSettled, type ObjectState, objectState } from '../object-state.ts';
import { type QueueState, queueStates } from '../queue-state.ts';
import type { Target } from '../target.ts';
import { duration, integer, printable, table } from '../terminal.ts';
import { UserError } from '../user-error.ts';
import { chosenTarget } from './chosen-target.ts';

const AT_ONCE = 16;

export function status(program: Command): void {
  program
    .command('status')
    .description('show what waits in front of each stage, and where each object stands')
    .argument('[key...]', 'keys in the raw bucket; by default the newest objects')
    .option('-n, --newest <count>', 'how many of the newest objects to show', Number, 20)
    .option('-p, --prefix <prefix>', 'only objects under this prefix', '')
    .option('--json', 'as JSON')
    .action(async (keys: string[], options: { newest: number; prefix: string; json?: boolean }) => {
      if (!Number.isInteger(options.newest) || options.newest < 0)
        throw new UserError('--newest takes a whole number.');
      const target = await chosenTarget(program);
      const [queues, selection] = await Promise.all([
        queueStates(target),
        keys.length > 0 ? { keys, found: keys.length } : newestKeys(target, options.prefix, options.newest),
      ]);
      const limit = pLimit(AT_ONCE);
      const objects = await Promise.all(selection.keys.map((key) => limit(() => currentState(target, key))));
      if (options.json) {
        console.log(
          JSON.stringify(
            { stages: queues, mysql: target.mysql, objects, objectsInAll: selection.found },
            null,
            2,
          ),
        );
        return;
      }
      console.log(queueTable(queues));
      console.log(`\nMySQL: ${printable(target.mysql)}\n`);
      console.log(objects.length === 0 ? 'The raw bucket holds no objects.' : stateTable(objects));
      if (selection.found > objects.length) {
        console.log(
          `(the newest ${integer(objects.length)} of ${integer(selection.found)} objects; --newest shows more)`,
        );
      }
      const odd = objects.filter((state) => isSettled(state) && !isConserved(state));
      for (const { key } of odd) console.log(`The records of ${printable(key)} do not add up.`);
    });
}

export function queueTable(queues: readonly QueueState[]): string {
  return table(queues, [
    { title: 'STAGE', value: ({ stage }) => stage },
    { title: 'WAITING', value: ({ waiting }) => integer(waiting), align: 'right' },
    { title: 'IN FLIGHT', value: ({ inFlight }) => integer(inFlight), align: 'right' },
    {
      title: 'DLQ',
      value: ({ dead }) => integer(dead),
      align: 'right',
      style: ({ dead }) => (dead > 0 ? 'red' : undefined),
    },
    {
      title: 'UNDELIVERED',
      value: ({ undelivered }) => integer(undelivered),
      align: 'right',
      style: ({ undelivered }) => (undelivered > 0 ? 'red' : undefined),
    },
    {
      title: 'OLDEST',
      value: ({ oldestAgeSeconds }) =>
        oldestAgeSeconds === undefined ? '–' : duration(oldestAgeSeconds * 1000),
      align: 'right',
    },
  ]);
}

/** The keys that were written last, newest first, and how many there are in all. */
async function newestKeys(
  target: Target,
  prefix: string,
  count: number,
): Promise<{ keys: string[]; found: number }> {
  let newest: { key: string; modified: number }[] = [];
  let found = 0;
  const trim = () => {
    newest = newest.sort((a, b) => b.modified - a.modified).slice(0, count);
  };
  for await (const { Key, LastModified } of listObjects(target, target.outputs.buckets.raw, prefix)) {
    found += 1;
    newest.push({ key: Key, modified: LastModified?.getTime() ?? 0 });
    if (newest.length >= count * 2 + 1000) trim();
  }
  trim();
  return { keys: newest.map(({ key }) => key), found };
}

async function currentState(target: Target, key: string): Promise<ObjectState> {
  try {
    const { VersionId = 'null' } = await target.s3.send(
      new HeadObjectCommand({ Bucket: target.outputs.buckets.raw, Key: key }),
    );
    return await objectState(target, key, VersionId);
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) {
      throw new UserError(`There is no object ${key} in ${target.outputs.buckets.raw}.`);
    }
    throw error;
  }
}
