import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startCloud } from '@sluice/local-aws';

const cloud = await startCloud({
  project: import.meta.dirname,
  stack: 'dev',
  directory: process.argv[2] ?? '.local',
  port: 0,
});
const { letters: QueueUrl } = cloud.outputs as { letters: string };
const sqs = new SQSClient({
  endpoint: cloud.endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'Hello!' }));
const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }));
console.log(Messages.map(({ Body }) => Body).join());
await cloud.close();
