import { datasets } from '../datasets/index.ts';
import type { Billed } from '../domain/cost/at-rest.ts';
import type { Configuration } from './configuration/configuration.ts';
import { instanceClasses } from './configuration/instance-classes.ts';

/** What the stack's bill depends on besides its load: an output for `npx sluice cost`. */
export function billedOf(
  {
    extraction,
    transformation,
    commit,
    loading,
    catalog,
    mysql,
    database,
    dataEvents,
    warehouse,
  }: Configuration,
  alarmMetrics: number,
): Billed {
  const { instanceClass, storage, multiAz, proxy } = database;
  const vcpus = instanceClasses[instanceClass]?.vcpus ?? 0;
  const { usageLimit, usagePeriod } = warehouse;
  return {
    alarmMetrics,
    datasets: datasets.length,
    memory: {
      extraction: extraction.memory,
      transformation: transformation.memory,
      commit: commit.memory,
      loading: loading.memory,
    },
    ...(catalog.scheduled && { crawlSchedule: catalog.schedule }),
    ...(mysql && { database: { instanceClass, vcpus, storage, multiAz: multiAz === true, proxy } }),
    ...(dataEvents.enabled && { dataEvents: true }),
    ...(warehouse.enabled && { warehouse: { usageLimit, usagePeriod } }),
  };
}
