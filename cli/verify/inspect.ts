import { checkBuckets, checkKey, checkQueues, checkRules } from './checks/delivery.ts';
import { checkFunctions, checkLogs, checkMappings, checkQuota } from './checks/functions.ts';
import { checkAlarms, checkCatalog } from './checks/surroundings.ts';
import type { Facts } from './facts.ts';
import { type Area, areas, type Finding, Inspection } from './finding.ts';

/** What was looked at in an area. */
export interface Inspected {
  readonly area: Area;
  /** How many things. */
  readonly looked: number;
  readonly findings: readonly Finding[];
}

const checks: Readonly<Record<(typeof areas)[number], (facts: Facts, inspection: Inspection) => void>> = {
  quota: checkQuota,
  rules: checkRules,
  queues: checkQueues,
  key: checkKey,
  buckets: checkBuckets,
  mappings: checkMappings,
  functions: checkFunctions,
  logs: checkLogs,
  alarms: checkAlarms,
  catalog: checkCatalog,
};

/** Judges what AWS said of a deployment. */
export function inspect(facts: Facts): Inspected[] {
  return areas.map((area) => {
    const inspection = new Inspection(area, facts);
    checks[area](facts, inspection);
    return { area, looked: inspection.looked, findings: inspection.findings };
  });
}
