/** The facts about a database instance class that the program needs. */
export interface InstanceClass {
  /** GiB. */
  readonly memory: number;
  readonly vcpus: number;
}

/** The Graviton classes that run MySQL 8.4 (RDS guide, Concepts.DBInstanceClass.Summary). */
export const instanceClasses: Readonly<Record<string, InstanceClass>> = {
  'db.t4g.micro': { memory: 1, vcpus: 2 },
  'db.t4g.small': { memory: 2, vcpus: 2 },
  'db.t4g.medium': { memory: 4, vcpus: 2 },
  'db.t4g.large': { memory: 8, vcpus: 2 },
  'db.t4g.xlarge': { memory: 16, vcpus: 4 },
  'db.t4g.2xlarge': { memory: 32, vcpus: 8 },
  ...family('m7g', 4),
  ...family('r7g', 8),
};

/** A family with this many GiB per vCPU. */
function family(name: string, memoryPerCpu: number): Record<string, InstanceClass> {
  const sizes = {
    large: 2,
    xlarge: 4,
    '2xlarge': 8,
    '4xlarge': 16,
    '8xlarge': 32,
    '12xlarge': 48,
    '16xlarge': 64,
  };
  return Object.fromEntries(
    Object.entries(sizes).map(([size, vcpus]) => [
      `db.${name}.${size}`,
      { memory: vcpus * memoryPerCpu, vcpus },
    ]),
  );
}

/**
 * Connections per execution environment: one that a running loading function holds, and one that an ended
 * environment left open.
 */
export const connectionsPerEnvironment = 2;

/** Connections reserved for RDS itself, the migration, and people. */
const reserved = 20;

/**
 * The database's `max_connections`. RDS's default, {DBInstanceClassMemory/12582880}, counts the memory left
 * by its own processes (RDS guide, CHAP_Limits), which is unknown before deployment; this is about 70 % of
 * it.
 */
export const maximumConnections = ({ memory }: InstanceClass) => Math.min(60 * memory, 16_000);

/**
 * Concurrent calls of the loading function that the database has connections for. Lambda allows at most
 * 1,000.
 */
export const connectionBudget = (instance: InstanceClass) =>
  Math.min(Math.floor((maximumConnections(instance) - reserved) / connectionsPerEnvironment), 1_000);

/** Concurrent calls that keep the processors busy, within the budget. */
export const usefulConcurrency = (instance: InstanceClass) =>
  Math.min(4 * instance.vcpus, connectionBudget(instance));
