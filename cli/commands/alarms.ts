import { type Command, Option } from 'commander';
import { chosenTarget } from '../options/chosen-target.ts';
import {
  type AlarmState,
  type AlarmStates,
  type AlarmStateValue,
  alarmStates,
  alarmStateValues,
} from '../target/alarm-state.ts';
import { fitStart, folded } from '../terminal/fit.ts';
import {
  age,
  count,
  integer,
  lineWidth,
  printable,
  printableJson,
  styled,
  type TableColumn,
  table,
  width,
} from '../terminal/terminal.ts';

interface AlarmsOptions {
  readonly state?: AlarmStateValue;
  readonly check?: true;
  readonly json?: true;
}

export function alarms(program: Command): void {
  program
    .command('alarms')
    .description('list the alarms of the stack, those that ring first')
    .addOption(new Option('--state <state>', 'only alarms in this state').choices(alarmStateValues))
    .option('--check', 'exit 1 if any alarm rings or is missing')
    .option('--json', 'as JSON')
    .addHelpText('after', explanation)
    .action(async ({ state, check, json }: AlarmsOptions) => {
      const all = await alarmStates(await chosenTarget(program));
      const chosen = all.alarms.filter((alarm) => state === undefined || alarm.state === state);
      if (json) console.log(printableJson({ alarms: chosen, missing: all.missing }, 2));
      else console.log(alarmText({ alarms: chosen, missing: all.missing }, all.alarms, lineWidth()));
      if (check && (all.missing.length > 0 || all.alarms.some(isRinging))) process.exitCode = 1;
    });
}

const explanation = `
CloudWatch looks at each alarm once a minute; a new one has no data (INSUFFICIENT_DATA) until then. SINCE is the time
since it changed into its state. Below the table stands what each alarm that rings means, with the section of the
runbooks (docs/runbooks.md) that tells what to do. Without --check, the exit status is 0 even if alarms ring.`;

const isRinging = ({ state }: AlarmState) => state === 'ALARM';

/** The chosen alarms as a table that is at most `columns` wide, and what to do about those that ring. */
export function alarmText(
  { alarms: chosen, missing }: AlarmStates,
  all: readonly AlarmState[],
  columns: number,
  now = Date.now(),
): string {
  const lines = chosen.length === 0 ? [] : [alarmTable(chosen, columns, now), ''];
  for (const { name, description } of chosen.filter(isRinging))
    lines.push(folded(printable(`${name}: ${description}`), columns));
  lines.push(totals(all));
  if (missing.length > 0)
    lines.push(
      styled(
        'red',
        folded(
          `CloudWatch does not have ${missing.map(printable).join(', ')}. To create what is missing: pulumi refresh, then pulumi up`,
          columns,
        ),
      ),
    );
  return lines.join('\n');
}

const words: Readonly<Record<AlarmStateValue, string>> = {
  ALARM: 'ALARM',
  INSUFFICIENT_DATA: 'no data',
  OK: 'OK',
};

const styles: Readonly<Record<AlarmStateValue, 'red' | 'yellow' | undefined>> = {
  ALARM: 'red',
  INSUFFICIENT_DATA: 'yellow',
  OK: undefined,
};

function totals(all: readonly AlarmState[]): string {
  const of = (state: AlarmStateValue) => all.filter((each) => each.state === state).length;
  return `${count(of('ALARM'), 'alarm rings', 'alarms ring')}, ${integer(of('OK'))} OK, ${integer(of('INSUFFICIENT_DATA'))} without data.`;
}

/** The usual sentence about the latest values and the threshold (CloudWatch guide, Acting_Alarm_Changes). */
const comparison = /\[([^\]]+)\] (?:was|were) (not )?(greater|less) than the threshold \(([^)]+)\)/;

/** CloudWatch's reason in a few characters, such as `5,400 > 3,600`; whole if it is another sentence. */
function shortReason(reason: string): string {
  const [, points, not, than, threshold] = comparison.exec(reason) ?? [];
  if (points === undefined || threshold === undefined)
    return reason.includes('no datapoints were received') ? 'no data' : reason;
  const sign = than === 'greater' ? (not ? '≤' : '>') : not ? '≥' : '<';
  const values = points.replace(/ \([^)]*\)/g, '').split(', ');
  return `${values.map(short).join(', ')} ${sign} ${short(threshold)}`;
}

const short = (value: string) => Number(value).toLocaleString('en-US', { maximumFractionDigits: 1 });

const LEAST_REASON = 16;

function alarmTable(alarms: readonly AlarmState[], columns: number, now: number): string {
  const others: TableColumn<AlarmState>[] = [
    { title: 'STATE', value: ({ state }) => words[state], style: ({ state }) => styles[state] },
    {
      title: 'SINCE',
      value: ({ since }) => (since === undefined ? '–' : age(now - since)),
      align: 'right',
    },
    { title: 'STAGE', value: ({ stage }) => stage ?? '–' },
    {
      title: 'ALARM',
      value: ({ name, stage }) => printable(stage === undefined ? name : name.slice(stage.length + 1)),
    },
  ];
  const room = columns - taken(alarms, others);
  const reason: TableColumn<AlarmState> = {
    title: 'REASON',
    value: (each) => fitStart(printable(shortReason(each.reason)), Math.max(LEAST_REASON, room)),
  };
  return table(alarms, [...others, reason]);
}

/** The columns that these take of a line, with the spaces behind each. */
const taken = (alarms: readonly AlarmState[], titled: readonly TableColumn<AlarmState>[]) =>
  titled.reduce(
    (sum, { title, value }) => sum + 2 + Math.max(width(title), ...alarms.map((each) => width(value(each)))),
    0,
  );
