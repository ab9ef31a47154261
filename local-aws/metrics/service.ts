import type { ServedService, ServiceContext } from '../core/cloud-service.ts';
import { type AlarmSettings, Alarms } from './alarms.ts';
import { cloudWatchService, type Dashboard } from './api.ts';
import { type MetricStore, minuteMs } from './store.ts';

export interface MetricsOptions extends Pick<ServiceContext, 'clock' | 'authorize' | 'region' | 'accountId'> {
  readonly store: MetricStore;
  readonly alarms: readonly AlarmSettings[];
  readonly dashboards: readonly Dashboard[];
  readonly log: (line: string) => void;
}

/** CloudWatch: at each minute's end, services record what they see, and the alarms are evaluated. */
export function createMetrics(options: MetricsOptions): ServedService {
  const { clock, store } = options;
  const alarms = new Alarms(options);
  let cancel = () => {};
  const awaitEnd = () => {
    const end = (Math.floor(clock.now() / minuteMs) + 1) * minuteMs;
    cancel = clock.schedule(end - clock.now(), () => {
      const late = clock.now() - end;
      // A machine that slept through the minute's end can't tell any more how it ended.
      store.look(late < minuteMs ? end - 1 : clock.now());
      alarms.evaluate();
      awaitEnd();
    });
  };
  return {
    name: 'monitoring',
    handle: cloudWatchService({ ...options, alarms }),
    start: async () => awaitEnd(),
    close: async () => cancel(),
  };
}
