import type { Frame } from '../ledger/watch.ts';
import { activityLines } from './activity-lines.ts';
import { fitStart } from './fit.ts';
import { queueColumns } from './queue-columns.ts';
import { integer, lineWidth, printable, styled, table, timeOfDay } from './terminal.ts';

const BARS = '▁▂▃▄▅▆▇█';

/** `▁▃█`: each value as a bar, the greatest at full height. */
export function sparkline(values: readonly number[]): string {
  const most = Math.max(1, ...values);
  return values.map((value) => BARS[Math.ceil((value / most) * (BARS.length - 1))]).join('');
}

/** A frame as lines. */
export function frameText({ at, stages, recordsPerSecond, moving, ended }: Frame): string {
  const { stage: name, waiting, inFlight, dead, oldest } = queueColumns;
  const queues = table(stages, [
    name,
    waiting,
    inFlight,
    dead,
    oldest,
    { title: 'DEPTH', value: ({ depths }) => sparkline(depths) },
  ]);
  const moves = moving.map(({ at: when, stage, key, result }) =>
    fitStart(`${timeOfDay(when)} ${stage} ${result.replace('_', '-')}: ${printable(key)}`, lineWidth()),
  );
  return [
    `${timeOfDay(at)}  ${integer(recordsPerSecond)} records a second`,
    '',
    queues,
    ...section('MOVING', moves),
    ...section('ENDED LAST', activityLines(ended)),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', styled('bold', title), ...lines];
}

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

/**
 * Shows texts one after the other: on a terminal in place, on its other screen, which leaves what was there
 * before as it was; elsewhere below each other.
 */
export class Screen {
  readonly #stream = process.stdout;
  #isOpen = false;

  show(text: string): void {
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text}\n\n`);
      return;
    }
    const lines = text.split('\n').slice(0, this.#stream.rows - 1);
    this.#stream.write(
      `${this.#isOpen ? '' : ENTER}\u001b[H${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`,
    );
    this.#isOpen = true;
  }

  close(): void {
    if (this.#isOpen) this.#stream.write(LEAVE);
    this.#isOpen = false;
  }
}
