import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { columnsOf } from '../../../domain/columns.ts';
import { type TimestampOptions, timestamp } from '../../../domain/fields/timestamp.ts';
import { parseExactly } from '../../../domain/records/decoding/json/exact.ts';
import { problemsOf } from '../../../domain/records/validation.ts';
import { anyInstant } from '../../formats/any-table.ts';

/** What the type makes of it; of what it refuses, the code and the message. */
function parse(options: TimestampOptions, input: unknown): unknown {
  const result = timestamp(options).safeParse(input);
  if (result.success) return result.data;
  const [{ code, message }] = problemsOf(result.error, input);
  return `${code}: ${message}`;
}

const berlin = { zone: 'Europe/Berlin' };
const german = { format: 'DD.MM.YYYY HH:mm', ...berlin };

describe('a timestamp', () => {
  it.each<[TimestampOptions, unknown, string]>([
    [{}, '2026-01-31T10:30:00Z', '2026-01-31T10:30:00.000000Z'],
    [{}, ' 2026-01-31 10:30Z ', '2026-01-31T10:30:00.000000Z'],
    [{}, '2026-01-31T10:30:00.123456Z', '2026-01-31T10:30:00.123456Z'],
    [{}, '2026-01-31T10:30:00,1Z', '2026-01-31T10:30:00.100000Z'],
    [{}, '2026-01-31T10:30:00.123456000Z', '2026-01-31T10:30:00.123456Z'],
    [{}, '2026-01-01T01:30:00+02:00', '2025-12-31T23:30:00.000000Z'],
    [{}, '2026-01-01 01:30:00-0330', '2026-01-01T05:00:00.000000Z'],
    [{}, '2026-01-01 01:30:00.5+00', '2026-01-01T01:30:00.500000Z'],
    [{}, '2024-02-29T23:59:59.999999-14:00', '2024-03-01T13:59:59.999999Z'],
    [{}, '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    [{}, '1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'],
    [{}, '9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999999Z'],
    [berlin, '2026-01-31T10:30:00Z', '2026-01-31T10:30:00.000000Z'],
    [berlin, '2026-01-31 10:30:00.000001', '2026-01-31T09:30:00.000001Z'],
    [berlin, '2026-07-31 10:30:00', '2026-07-31T08:30:00.000000Z'],
    // The clocks of Berlin showed the sun's time, 53 minutes and 28 seconds ahead of Greenwich.
    [berlin, '1850-01-01T00:53:28', '1850-01-01T00:00:00.000000Z'],
    [berlin, '0001-01-02T00:53:28', '0001-01-02T00:00:00.000000Z'],
    [berlin, '2026-10-25 02:30:00', '2026-10-25T00:30:00.000000Z'],
    [{ zone: 'Pacific/Apia' }, '2011-12-29T23:59:59', '2011-12-30T09:59:59.000000Z'],
    [{ zone: 'Asia/Kolkata' }, '2026-01-31T00:00', '2026-01-30T18:30:00.000000Z'],
    [{ zone: '+02:00' }, '2026-01-31T00:00', '2026-01-30T22:00:00.000000Z'],
    [german, '31.01.2026 10:30', '2026-01-31T09:30:00.000000Z'],
    [{ format: 'YYYY-MM-DD HH:mm:ss', zone: 'UTC' }, '2026-01-31 10:30:59', '2026-01-31T10:30:59.000000Z'],
    [{ format: 'D/M/YYYY H:mm:ss.SSSSSSZ' }, '1/2/2026 7:05:09.25+0200', '2026-02-01T05:05:09.250000Z'],
    [{ format: 'MM/DD/YYYY hh:mm A', zone: 'UTC' }, '01/31/2026 12:05 am', '2026-01-31T00:05:00.000000Z'],
    [{ format: 'M/D/YYYY h:mm:ss A', zone: 'UTC' }, '1/31/2026 12:05:00 PM', '2026-01-31T12:05:00.000000Z'],
    [{ format: 'epoch seconds' }, 1769851800, '2026-01-31T09:30:00.000000Z'],
    [{ format: 'epoch seconds' }, '1769851800.123456', '2026-01-31T09:30:00.123456Z'],
    [{ format: 'epoch seconds' }, '-0.000001', '1969-12-31T23:59:59.999999Z'],
    [{ format: 'epoch seconds' }, '1.7e9', '2023-11-14T22:13:20.000000Z'],
    [{ format: 'epoch milliseconds' }, 1769851800123, '2026-01-31T09:30:00.123000Z'],
    [{ format: 'epoch milliseconds' }, '253402300799999.999', '9999-12-31T23:59:59.999999Z'],
    [
      { format: 'epoch microseconds' },
      parseExactly('253402300799999999').value,
      '9999-12-31T23:59:59.999999Z',
    ],
  ])('read with %j: %s', (options, input, expected) => {
    expect(parse(options, input)).toBe(expected);
  });

  it.each<[TimestampOptions, unknown, string]>([
    [{}, undefined, 'missing_field: expected date, found nothing'],
    [{}, '2026-01-31T10:30:00', 'invalid_value: 2026-01-31T10:30:00 has no zone. Write an offset'],
    [{}, '2026-02-29T10:30:00Z', 'invalid_value: there is no 2026-02-29T10:30:00Z'],
    [{}, '2026-01-31T24:00:00Z', 'invalid_value: there is no'],
    [{}, '2026-01-31T23:60:00Z', 'invalid_value: there is no'],
    [{}, '2026-12-31T23:59:60Z', 'invalid_value: there is no'],
    [{}, '2026-01-31T10:30:00+24:00', 'invalid_value: there is no'],
    [{}, '2026-01-31T10:30:00+01:60', 'invalid_value: there is no'],
    [{}, '2026-01-31T10:30:00.0000001Z', 'has digits below the microsecond'],
    [{}, '0001-01-01T00:00:00+01:00', 'not in the years 1 to 9999'],
    [{}, '9999-12-31T23:59:59-01:00', 'not in the years 1 to 9999'],
    [{}, '0000-01-01T00:00:00.000000Z', 'invalid_value: there is no'],
    [{}, '2026-01-31', 'wrong_type: is not a timestamp (ISO 8601): "2026-01-31"'],
    [{}, 'tomorrow', 'wrong_type'],
    [{}, '', 'wrong_type'],
    [{}, 1769851800, 'wrong_type'],
    [berlin, '2026-03-29 02:30:00', 'invalid_value: clocks there skip 2026-03-29 02:30:00'],
    [{ zone: 'Pacific/Apia' }, '2011-12-30T12:00:00', 'clocks there skip'],
    [german, '2026-01-31 10:30', 'wrong_type: is not a timestamp (DD.MM.YYYY HH:mm)'],
    [german, '29.02.2026 10:30', 'there is no 29.02.2026 10:30'],
    [german, '2026-01-31T10:30:00.000000Z', 'wrong_type'],
    [{ format: 'MM/DD/YYYY hh:mm A', zone: 'UTC' }, '01/31/2026 00:05 AM', 'there is no'],
    [{ format: 'epoch seconds' }, '1769851800.1234567', 'has digits below the microsecond'],
    [{ format: 'epoch seconds' }, '253402300800', 'not in the years 1 to 9999, as epoch seconds'],
    [{ format: 'epoch seconds' }, '1e999999', 'not in the years 1 to 9999'],
    [{ format: 'epoch seconds' }, '2026-01-31', 'wrong_type'],
    [{ format: 'epoch milliseconds' }, true, 'wrong_type'],
  ])('refused with %j: %s', (options, input, expected) => {
    expect(parse(options, input)).toContain(expected);
  });

  it.each<[TimestampOptions, string]>([
    [{ zone: 'Europe/Atlantis' }, 'there is no zone "Europe/Atlantis"'],
    [{ format: 'DD.MM.YYYY HH:mm' }, 'it has no zone. Say where the clocks stand'],
    [{ format: 'DD.MM.YYYY', zone: 'UTC' }, 'the format must have YYYY, MM, DD, HH and mm'],
    [{ format: 'DD.MM.YYYY hh:mm', zone: 'UTC' }, 'or hh and A in place of HH'],
    [{ format: 'DD.MM.YYYY HH:mm HH', zone: 'UTC' }, 'it has a part twice'],
    [{ format: 'DD.MM.YYYY HH:mm.SS', zone: 'UTC' }, 'and no ss'],
    [{ format: 'epoch seconds', zone: 'UTC' }, 'leave the zone out'],
  ])('can not be declared with %j', (options, message) => {
    expect(() => timestamp(options)).toThrow(message);
  });

  it('in a row has no form of its own', () => {
    expect(() => columnsOf(z.object({ at: timestamp(german) }))).toThrow('Use timestamp().');
    expect(columnsOf(z.object({ at: timestamp().optional() }))).toEqual([
      { name: 'at', type: { kind: 'timestamp' }, nullable: true },
    ]);
  });

  it('that was read is read as the same, in the order of time', () => {
    fc.assert(
      fc.property(
        anyInstant,
        anyInstant,
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (one, other, minutes) => {
          expect(parse({}, one)).toBe(one);
          const local = new Date(Date.parse(one) + minutes * 60_000).toISOString();
          if (!/^\d/.test(local) || local.startsWith('0000')) return;
          const size = Math.abs(minutes);
          const offset = `${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
          expect(parse({}, local.slice(0, 23) + one.slice(23, 26) + offset)).toBe(one);
          expect(one < other).toBe(micros(one) < micros(other));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('without an offset is the first one at which the clocks of its zone show it, or they never do', () => {
    const zones = [
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/St_Johns',
      'Pacific/Apia',
      'Africa/Casablanca',
      'Asia/Kathmandu',
      'Europe/Dublin',
    ];
    const changes = ['2026-03-29T02', '2026-10-25T02', '2026-03-08T02', '2026-11-01T01', '2011-12-30T10'];
    const time = fc.oneof(
      fc.date({ min: new Date('1890-01-01'), max: new Date('2060-01-01'), noInvalidDate: true }),
      fc
        .tuple(fc.constantFrom(...changes), fc.integer({ min: -90 * 60, max: 90 * 60 }))
        .map(([hour, seconds]) => new Date(Date.parse(`${hour}:00:00Z`) + seconds * 1000)),
    );
    fc.assert(
      fc.property(time, fc.constantFrom(...zones), (date, zone) => {
        const local = date.toISOString().slice(0, 19);
        const read = String(parse({ zone }, local));
        // Every offset of these days is that of some hour.
        const offsets = new Set<number>();
        const of = Date.parse(`${local}Z`);
        for (let hour = -48; hour <= 48; hour += 1) {
          const at = of + hour * 3_600_000;
          offsets.add(Date.parse(`${shown(at, zone)}Z`) - at);
        }
        const instants = [...offsets].map((offset) => of - offset).filter((at) => shown(at, zone) === local);
        if (instants.length === 0) expect(read).toContain('clocks there skip');
        else expect(read).toBe(`${new Date(Math.min(...instants)).toISOString().slice(0, 19)}.000000Z`);
      }),
      { numRuns: 1500 },
    );
  });
});

const two = (value: number) => `${Math.floor(value)}`.padStart(2, '0');
const micros = (text: string) => BigInt(Date.parse(text)) * 1000n + BigInt(text.slice(23, 26));

const clocks = new Map<string, Intl.DateTimeFormat>();
/** What clocks in the zone show at an instant, as `2026-01-31T10:30:00`. */
function shown(instant: number, timeZone: string): string {
  const clock =
    clocks.get(timeZone) ??
    new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  clocks.set(timeZone, clock);
  return clock.format(instant).replace(' ', 'T');
}
