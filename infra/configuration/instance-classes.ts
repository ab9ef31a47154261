/** What the program must know of a class of database instance. */
export interface InstanceClass {
  /** GiB. */
  readonly memory: number;
  readonly vcpus: number;
}

/** RDS guide, Concepts.DBInstanceClass.Summary: those of Graviton that run MySQL 8.4. */
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

/** A family with so many GiB for each of its processors. */
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

/** What an execution environment of the loading function holds open, and what one that Lambda ended has left open. */
export const connectionsPerEnvironment = 2;

/** Kept for RDS itself, the migration, and people. */
const reserved = 20;

/**
 * The `max_connections` that the database gets. RDS’s own default, {DBInstanceClassMemory/12582880}, counts the memory left by its
 * processes (RDS guide, CHAP_Limits), which nobody knows beforehand; this is about 70 % of it.
 */
export const maximumConnections = ({ memory }: InstanceClass) => Math.min(60 * memory, 16_000);

/** Calls of the loading function at a time that the database has connections for. Lambda takes no more than 1,000. */
export const connectionBudget = (instance: InstanceClass) =>
  Math.min(Math.floor((maximumConnections(instance) - reserved) / connectionsPerEnvironment), 1_000);

/** Calls at a time that keep the processors busy, and no more than the budget. */
export const usefulConcurrency = (instance: InstanceClass) =>
  Math.min(4 * instance.vcpus, connectionBudget(instance));
