/** Metrics that AWS documents, by namespace and name, each with the dimensions under which it is sent. */
export const documentedMetrics: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // SQS guide, sqs-available-cloudwatch-metrics: "the only dimension that Amazon SQS sends to CloudWatch is
  // QueueName".
  'AWS/SQS': {
    ApproximateAgeOfOldestMessage: ['QueueName'],
    ApproximateNumberOfMessagesDelayed: ['QueueName'],
    ApproximateNumberOfMessagesNotVisible: ['QueueName'],
    ApproximateNumberOfMessagesVisible: ['QueueName'],
    NumberOfEmptyReceives: ['QueueName'],
    NumberOfMessagesDeleted: ['QueueName'],
    NumberOfMessagesReceived: ['QueueName'],
    NumberOfMessagesSent: ['QueueName'],
  },
  // Lambda guide, monitoring-metrics-types and monitoring-metrics-view: by function, or by event source
  // mapping.
  'AWS/Lambda': {
    ConcurrentExecutions: ['FunctionName'],
    Duration: ['FunctionName'],
    Errors: ['FunctionName'],
    Invocations: ['FunctionName'],
    Throttles: ['FunctionName'],
    DeletedEventCount: ['EventSourceMappingUUID'],
    FailedInvokeEventCount: ['EventSourceMappingUUID'],
    InvokedEventCount: ['EventSourceMappingUUID'],
    PolledEventCount: ['EventSourceMappingUUID'],
  },
  // RDS guide, rds-metrics and dimensions.
  'AWS/RDS': {
    CPUUtilization: ['DBInstanceIdentifier'],
    DatabaseConnections: ['DBInstanceIdentifier'],
    FreeStorageSpace: ['DBInstanceIdentifier'],
    ReadLatency: ['DBInstanceIdentifier'],
    WriteLatency: ['DBInstanceIdentifier'],
  },
};
