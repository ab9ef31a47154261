import { describe, expect, it } from 'vitest';
import { functionMetrics } from '../../local-aws/lambda/function-metrics.ts';
import { Alarms } from '../../local-aws/metrics/alarms.ts';
import { MetricStore } from '../../local-aws/metrics/store.ts';
import { readTopology } from '../../local-aws/program/topology.ts';
import { VirtualClock } from '../../local-aws/test/virtual-clock.ts';
import { everything } from '../infra/the-program.ts';

const { alarms: settings } = readTopology(everything);
const measured = ['AWS/SQS', 'AWS/Lambda', 'AWS/States', 'AWS/Scheduler'];
const isMeasured = (namespace: string) => measured.includes(namespace) || !namespace.startsWith('AWS/');
const isOfDatabase = ({ queries }: (typeof settings)[number]) =>
  queries.some(({ metric }) => metric !== undefined && !isMeasured(metric.namespace));

/** The alarms of a cloud whose services have recorded nothing yet. */
function started() {
  const clock = new VirtualClock();
  const store = new MetricStore(clock);
  for (const namespace of measured) store.metric(namespace, 'Any', {}, 'Count');
  return { clock, store, alarms: new Alarms({ clock, store, alarms: settings, log: () => {} }) };
}

describe('the alarms of a stack with all there is', () => {
  it('are each evaluated by the local cloud, but for those of the database', async () => {
    const { clock, alarms } = started();
    await clock.advance(60_000);
    alarms.evaluate();
    const states = Object.groupBy(alarms.all(), ({ state }) => state);
    expect(states.OK?.length).toBeGreaterThan(20);
    expect(states.INSUFFICIENT_DATA?.map((each) => each.settings)).toEqual(
      settings.filter(isOfDatabase).sort((one, other) => (one.name < other.name ? -1 : 1)),
    );
    expect(states.ALARM).toBeUndefined();
  });

  it.each(settings.filter((each) => !isOfDatabase(each) && each.queries.length === 1))(
    'start when their metric breaches the threshold, and end afterwards: $name',
    async ({ name, queries: [query], rule }) => {
      const { clock, store, alarms } = started();
      const { metric } = query ?? {};
      if (metric === undefined) throw new Error(`${name} watches no metric.`);
      const recorded = store.metric(metric.namespace, metric.name, metric.dimensions, 'Count');
      const pass = async (value: number, periods: number) => {
        for (let minute = 0; minute < (periods * metric.period) / 60; minute += 1) {
          recorded.record(value);
          await clock.advance(60_000);
          alarms.evaluate();
        }
        return alarms.find(name)?.state;
      };
      expect(await pass(rule.threshold, rule.evaluationPeriods)).toBe('OK');
      expect(await pass(rule.threshold * 2 + 1, rule.evaluationPeriods)).toBe('ALARM');
      expect(await pass(0, rule.evaluationPeriods)).toBe('OK');
    },
  );

  const errorsOfExtraction = settings.find(({ name }) => name.startsWith('sluice-dev-extraction-errors'));

  it('start when more than 5 % of the calls fail, and end when none has for as long as they look back', async () => {
    const rate = errorsOfExtraction;
    const { clock, store, alarms } = started();
    const [errors, calls] = ['errors', 'invocations'].map((id) => {
      const metric = rate?.queries.find((each) => each.id === id)?.metric;
      if (metric === undefined) throw new Error(`The alarm has no ${id}.`);
      return store.metric(metric.namespace, metric.name, metric.dimensions, 'Count');
    });
    const { evaluationPeriods = 0 } = rate?.rule ?? {};
    const state = async (failed: number) => {
      for (let call = 0; call < 100; call += 1) calls?.record(1);
      for (let call = 0; call < failed; call += 1) errors?.record(1);
      await clock.advance(300_000);
      alarms.evaluate();
      return alarms.find(rate?.name ?? '')?.state;
    };
    expect([await state(5), await state(6)]).toEqual(['OK', 'ALARM']);
    for (let period = 1; period < evaluationPeriods; period += 1) expect(await state(0)).toBe('ALARM');
    expect(await state(0)).toBe('OK');
  });

  // Lambda guide, "Viewing metrics": a metric has the time of the call's start.
  it.each(['errors', 'duration'])(
    'start within two minutes of the end of a call that times out after 900 s, whenever it began: %s',
    async (what) => {
      const name = settings.find((each) => each.name.startsWith(`sluice-dev-extraction-${what}`))?.name ?? '';
      for (let begun = 0; begun < 5; begun += 1) {
        const { clock, store, alarms } = started();
        await clock.advance(begun * 60_000);
        const { begun: begin } = functionMetrics('sluice-dev-extraction-local', store);
        const end = begin(1);
        for (let minute = 0; minute < 15; minute += 1) {
          await clock.advance(60_000);
          alarms.evaluate();
          expect(alarms.find(name)?.state).not.toBe('ALARM');
        }
        end(900_000, true);
        // The alarm sees whole periods, and Lambda sends its metrics once a minute.
        await clock.advance(120_000);
        alarms.evaluate();
        expect(alarms.find(name)?.state).toBe('ALARM');
      }
    },
  );
});
