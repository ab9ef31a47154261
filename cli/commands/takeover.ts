import type { Command } from 'commander';
import { type Left, type TakenOver, takenOver } from '../ledger/takeover.ts';
import { chosenTarget, stackOption, withStack } from '../options/chosen-target.ts';
import { chosenDataset, datasetNames, whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { count, integer, Progress, printable, printableJson } from '../terminal/terminal.ts';

interface TakeoverOptions {
  readonly dataset?: string;
  readonly dryRun?: boolean;
  readonly atOnce: number;
  readonly timeout: number;
  readonly json?: boolean;
}

export function takeover(program: Command): void {
  program
    .command('takeover')
    .description(
      'after an upgrade: reprocess what a release before November 2026 left as plain files, which no table shows; exit 1 if an object is left',
    )
    .option('-d, --dataset <name>', `only objects of this dataset: ${datasetNames}`)
    .option('--dry-run', 'only list the objects, and those that would be left')
    .option('--at-once <count>', 'how many objects are under way at a time', whole(1), 500)
    .option('--timeout <seconds>', 'how long to wait for so many at most', whole(1), 3600)
    .option('--json', 'print each object as a JSON document per line, then the totals')
    .addHelpText('after', explanation)
    .action(async (options: TakeoverOptions) => {
      if (options.dataset !== undefined) chosenDataset(options.dataset);
      const target = await chosenTarget(program);
      if ((await run(target, options)) > 0) process.exitCode = 1;
    });
}

const explanation = `
The version that is active is reprocessed by the deployed code, as by a replay, and then every sink shows it; its plain
files go. MySQL and the archive show the rows all the while. An object that changes meanwhile is none of this command's
business: its newer version comes to every sink anyway. Run it again after it was interrupted; when nothing is left to
do, it changes nothing.`;

/** @returns how many objects are left as they are */
async function run(
  target: Target,
  { dataset, dryRun = false, atOnce, timeout, json = false }: TakeoverOptions,
): Promise<number> {
  const sums = { reprocessed: 0, published: 0, left: 0 };
  const progress = new Progress();
  try {
    for await (const each of takenOver(target, { dataset, dryRun, atOnce, timeout })) {
      if (each.left !== undefined) sums.left += 1;
      else if (each.work === 'reprocess') sums.reprocessed += 1;
      else sums.published += 1;
      progress.end();
      if (json) console.log(printableJson(each));
      else if (dryRun || each.left !== undefined) console.log(objectText(each, stackOption(target)));
      progress.show(
        `${dryRun ? 'Found' : 'Took over'} ${count(sums.reprocessed + sums.published, 'object')}`,
      );
    }
  } finally {
    progress.end();
  }
  if (json) console.log(printableJson({ ...sums, dryRun }));
  else console.log(totalText(sums, dryRun));
  return sums.left;
}

function totalText(
  { reprocessed, published, left }: { reprocessed: number; published: number; left: number },
  dryRun: boolean,
): string {
  if (reprocessed + published + left === 0) return 'There is nothing to take over.';
  const would = dryRun ? 'would be ' : '';
  return `${count(reprocessed, 'object')} ${would}reprocessed, ${integer(published)} without files ${would}published, ${integer(left)} left.`;
}

const reasons: Readonly<Record<Left, (key: string) => string>> = {
  rejected: (key) =>
    `the deployed code finds no usable record in it, so its old rows stay in MySQL and in the archive. When the code accepts it: npx sluice replay ${key} --force`,
  under_way: (key) => `a revision of it is being extracted. To see it: npx sluice status ${key}`,
  no_raw_version: () =>
    'the raw bucket no longer has its version, so its rows stay in MySQL and in the archive alone. To have them in the lake, upload the file again',
  unreadable: (key) => `a document of it can’t be read. To reprocess it: npx sluice replay ${key} --force`,
  stuck: (key) => `it does not go on. To see why: npx sluice status ${key}`,
};

function objectText({ key, work, left, reason }: TakenOver, on: string): string {
  const name = printable(key);
  if (left === undefined) return `${name}: would be ${work === 'reprocess' ? 'reprocessed' : 'published'}`;
  const more = reason === undefined ? '' : ` (${printable(reason)})`;
  return `${name}: left, ${withStack(reasons[left](name), on)}${more}`;
}
