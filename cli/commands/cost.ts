import type { Command } from 'commander';
import { costOfUsage } from '../../domain/cost/actual.ts';
import { atRest, type Billed, limits } from '../../domain/cost/at-rest.ts';
import { costOfLoad, recordBytes } from '../../domain/cost/load.ts';
import { type Position, totalOf } from '../../domain/cost/position.ts';
import { month, priceList } from '../../domain/cost/prices.ts';
import { usageOf } from '../cost/usage.ts';
import { chosenTarget } from '../options/chosen-target.ts';
import { whole } from '../options/options.ts';
import type { Target } from '../target/target.ts';
import { count, dollars, integer, printable, printableJson, table } from '../terminal/terminal.ts';
import { UserError } from '../terminal/user-error.ts';

interface CostOptions {
  readonly objects?: number;
  readonly records?: number;
  readonly size?: number;
  readonly partitions?: number;
  readonly actual?: true;
  readonly days?: number;
  readonly json?: true;
}

export function cost(program: Command): void {
  program
    .command('cost')
    .description('what the stack costs a month at rest, what a load would add, or what the last days cost')
    .option('--objects <n>', 'objects that are uploaded in a month', whole(1))
    .option('--records <n>', 'records of an object, on average (1)', whole(1))
    .option('--size <bytes>', 'bytes of an object, uncompressed, on average (1,200 a record)', whole(1))
    .option('--partitions <n>', 'partitions into which a part of an object falls, on average (1)', whole(1))
    .option('--actual', 'what the last days cost, by CloudWatch’s counts')
    .option('--days <n>', 'with --actual: how many days (7)', whole(1))
    .option('--json', 'as JSON')
    .addHelpText('after', explanation)
    .action(async (options: CostOptions) => {
      check(options);
      const target = await chosenTarget(program);
      const bill = options.actual
        ? await actualBill(target, options.days ?? 7)
        : expectedBill(target.outputs.billed, options);
      const { region } = target.outputs;
      if (options.json) console.log(printableJson({ prices: priceList, region, ...bill }, 2));
      else console.log(billText(bill, region));
    });
}

const explanation = `
Without options: what a month costs, whether or not anything is uploaded. --objects adds what the load would cost if
nothing fails and no key comes twice. Counts of requests come from the pipeline's tests, the rest from measurements:
docs/cost.md. --actual takes messages, calls, durations and storage from CloudWatch; S3 does not count requests unless
asked to, so they follow from the messages that were done. GetMetricData costs a cent or less.
The prices are those of ${priceList.region}, ${priceList.date}, without free tiers: domain/cost/prices.ts. For the account's own
discounts, and for all that is not the pipeline's, see AWS Cost Explorer.`;

/** @throws {UserError} for options that have no meaning together */
function check({ objects, records, size, partitions, actual, days }: CostOptions): void {
  if (actual && objects !== undefined)
    throw new UserError('--actual tells what was, and --objects what would be: use one of them.');
  if (objects === undefined && (records ?? size ?? partitions) !== undefined)
    throw new UserError('--records, --size and --partitions describe an object. Add how many: --objects <n>');
  if (!actual && days !== undefined) throw new UserError('--days belongs to --actual.');
}

/** What is to be paid. Dollars, in a month or in `days`. */
interface Bill {
  readonly days?: number;
  readonly positions: readonly Position[];
  readonly total: number;
  /** The most that use can add to the total in a month. */
  readonly limits: readonly Position[];
  /** What a month costs at the rate of these days. */
  readonly monthly: number;
}

function expectedBill(stack: Billed, options: CostOptions): Bill {
  const { objects, records = 1, size = records * recordBytes, partitions = 1 } = options;
  const load = objects === undefined ? [] : costOfLoad({ objects, records, bytes: size, partitions }, stack);
  const positions = [...atRest(stack), ...load];
  const total = totalOf(positions);
  return { positions, total, limits: limits(stack), monthly: total };
}

async function actualBill(target: Target, days: number): Promise<Bill> {
  const { billed } = target.outputs;
  const positions = costOfUsage(await usageOf(target, days), billed);
  const total = totalOf(positions);
  return { days, positions, total, limits: limits(billed), monthly: (total * month.hours) / (24 * days) };
}

function billText({ days, positions, total, limits: most, monthly }: Bill, region: string): string {
  const of = days === undefined ? 'A MONTH' : count(days, 'DAY', 'DAYS');
  const lines = [
    tableOf(positions, of),
    `Together ${dollars(total)}${days === undefined ? ' a month' : ''}.`,
  ];
  if (days !== undefined) lines.push(`At this rate, a month costs ${dollars(monthly)}.`);
  if (positions.some(({ usd }) => usd === undefined))
    lines.push('The sum lacks what has no price in domain/cost/prices.ts.');
  if (most.length > 0)
    lines.push(
      '',
      `${days === undefined ? 'Use can add' : 'Not counted here; in a month'}, at most:`,
      tableOf(most, 'A MONTH'),
    );
  lines.push('', `Prices of ${priceList.region}, ${priceList.date}, without free tiers.`);
  if (region !== priceList.region)
    lines.push(
      `The stack is in ${printable(region)}, where they differ: look them up before you make a budget.`,
    );
  return lines.join('\n');
}

const tableOf = (positions: readonly Position[], title: string) =>
  table(positions, [
    { title: 'SERVICE', value: ({ service }) => service },
    { title: 'ITEM', value: ({ item }) => item },
    { title: 'BASIS', value: ({ basis }) => basis },
    { title: 'QUANTITY', value: ({ quantity }) => amount(quantity), align: 'right' },
    { title: 'PRICE PER', value: ({ per = '' }) => per },
    { title, value: ({ usd }) => (usd === undefined ? 'unknown' : dollars(usd)), align: 'right' },
  ]);

/** Without decimals from a hundred on, and with three below. */
function amount(value: number): string {
  return value >= 100 || Number.isInteger(value) ? integer(Math.round(value)) : value.toFixed(3);
}
