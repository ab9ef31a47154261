import * as z from 'zod';
import { findObjectEvent } from '../../domain/versions/object-event.ts';
import { printable, printableJson, styled, timeOfDay } from './terminal.ts';

const levels = { DEBUG: 'dim', INFO: 'green', WARN: 'yellow', ERROR: 'red', CRITICAL: 'red' } as const;

/** A line of Powertools' Logger (its documentation, "Logger: Standard structured keys"). */
const structured = z.looseObject({
  level: z.enum(['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'CRITICAL']),
  message: z.string(),
});
/** A line in CloudWatch's embedded metric format ("Specification: Embedded metric format"). */
const embeddedMetrics = z.looseObject({ _aws: z.object({ CloudWatchMetrics: z.array(z.unknown()) }) });

/** Fields that are the same in every line of a function, or of use to machines only. */
const hiddenFields = new Set([
  ...Object.keys(structured.shape),
  'timestamp',
  'service',
  'cold_start',
  'function_arn',
  'function_memory_size',
  'function_name',
  'function_request_id',
  'sampling_rate',
  'xray_trace_id',
]);

/**
 * A line of a function's log for a person: local time, level, message, and the informative fields.
 * `undefined` for a line that only `all` shows: metrics, and Lambda's START, END and REPORT lines.
 */
export function renderLogLine(message: string, timestamp: number, all: boolean): string | undefined {
  const time = styled('dim', timeOfDay(timestamp, true));
  const text = message.trimEnd();
  const parsed = parse(text);
  const log = structured.safeParse(parsed);
  if (log.success) {
    const { level, message: said } = log.data;
    const style = level === 'TRACE' ? 'dim' : levels[level];
    const shownFields = fields(all ? log.data : brief(log.data));
    return [time, styled(style, level.padEnd(5)), printable(said), shownFields].filter(Boolean).join(' ');
  }
  const frame = /^(START|END|REPORT|INIT_START) /.test(text);
  // Timeouts and errors are always shown.
  if (frame && /Status: (timeout|error)/.test(text))
    return `${time} ${styled('red', printable(text.replaceAll('\t', '  ')))}`;
  if (frame || embeddedMetrics.safeParse(parsed).success)
    return all ? `${time} ${styled('dim', printable(text.replaceAll('\t', '  ')))}` : undefined;
  return `${time} ${printable(text)}`;
}

function parse(text: string): unknown {
  try {
    return text.startsWith('{') ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

const ofError = z.looseObject({ name: z.string(), message: z.string(), code: z.string().optional() });

/** Of an error its code and its cause, and of the message that failed its object. */
function brief(log: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { error, body, messageId, ...others } = log;
  const known = ofError.safeParse(error);
  if (!known.success) return log;
  const { name, message, code = name } = known.data;
  const event = typeof body === 'string' ? findObjectEvent(body) : undefined;
  const object = event === undefined ? { messageId } : { key: event.key, versionId: event.versionId };
  return { ...object, ...others, error: { code, message } };
}

/** `key=recipes/soup.json read=3 rejected.missing_field=1`; empty fields are left out. */
function fields(log: Readonly<Record<string, unknown>>): string {
  return Object.entries(log)
    .filter(([name]) => !hiddenFields.has(name))
    .flatMap(([name, value]) => flat(name, value))
    .map(([name, value]) => `${styled('dim', `${printable(name)}=`)}${shown(value)}`)
    .join(' ');
}

function flat(name: string, value: unknown): [string, unknown][] {
  if (value === null || value === undefined) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return [[name, value]];
  return Object.entries(value).flatMap(([part, each]) => flat(`${name}.${part}`, each));
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' && !/[\s"=]/.test(value) ? printable(value) : printableJson(value);
}
